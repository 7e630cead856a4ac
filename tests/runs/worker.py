"""Writes one run in a process: `worker URL LOST_AFTER KEEP`.

The process prints the id of the run, then `item` and the number of each item before it is written, and at last `end`
and how the run ended for its source.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator

from jero import StreamOutcome
from jero.channels import RedisStore
from jero.runs import Runs
from tests.channels.reading import Note

OWNER = "somebody"


async def numbers(over: asyncio.Event) -> AsyncGenerator[AsyncIterator[Note], StreamOutcome]:
    outcome = yield count()
    say("end", outcome.reason)
    over.set()


async def count() -> AsyncIterator[Note]:
    number = 0
    while True:
        number += 1
        say("item", number)
        yield Note(number)
        await asyncio.sleep(0.01)


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201 - its output is the test's input


async def main(url: str, lost_after: float, keep: float) -> None:
    over = asyncio.Event()
    async with (
        RedisStore(url) as store,
        Runs(store, Note, lost_after=lost_after, keep=keep, drain_timeout=0.1) as runs,
    ):
        run = await runs.start(numbers(over), owner=OWNER)
        say("run", run.id)
        await over.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
