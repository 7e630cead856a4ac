"""Measures many runs at once in this process: alone, and with one follower each.

The workload W17 starts this program with the number of runs, the number of items a second of each run, the number of
seconds and the URL of a Redis, and reads the figures that it prints as JSON. Without a URL, the runs are in memory.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.item import Item
from jero import ServerSentEvent
from jero.channels import MemoryStore, RedisStore, Store
from jero.runs import Runs

OWNER: Final = "somebody"

ALONE: Final = "alone"
FOLLOWED: Final = "followed"
BYTES: Final = "bytes"
FAULTS: Final = "faults"
TASKS: Final = "tasks"
LATE: Final = "late"


class Pace:
    """Says when each item of a run is due. `late`: the longest that an item came after its time, in seconds."""

    def __init__(self, rate: float, seconds: float) -> None:
        self.items = round(rate * seconds)
        self._period = 1 / rate
        self.late = 0.0

    async def source(self, number: int, count: int) -> AsyncIterator[Item]:
        """Yields the items of one of `count` runs. Their items are spread evenly over time."""
        due = time.perf_counter() + self._period * (number + 1) / count
        for item in range(self.items):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self.late = max(self.late, time.perf_counter() - due)
            due += self._period
            yield Item(item, "an item", 1.5)


async def drain(source: AsyncIterator[Item]) -> None:
    """Reads a source to its end: what the sources cost without runs."""
    async for _ in source:
        pass


async def check(stream: AsyncIterable[ServerSentEvent[Item]], items: int) -> int:
    """Follows a run to its end. Returns how many of its items were lost, came twice, or came in a wrong place."""
    received = [event.data.id async for event in stream if isinstance(event.data, Item)]
    wrong = sum(found != item for found, item in zip(received, range(items), strict=False))
    return wrong + abs(len(received) - items)


async def play(runs: Runs[Item], pace: Pace, count: int, *, are_followed: bool) -> dict[str, float]:
    """Runs all sources at once. Returns the seconds of CPU, how many items were wrong, and how many bytes are kept."""
    gc.collect()
    resident, began = _resident_bytes(), time.process_time()
    started = [await runs.start(pace.source(number, count), owner=OWNER) for number in range(count)]
    streams = [await runs.follow(run.id, owner=OWNER) for run in started if are_followed]
    wrong = sum(await asyncio.gather(*(check(stream, pace.items) for stream in streams)))
    for run in started:
        while (await runs.status(run.id, owner=OWNER)).state == "running":  # noqa: ASYNC110 - the state is asked
            await asyncio.sleep(0.05)
    cpu = time.process_time() - began
    kept = _resident_bytes() - resident
    if not are_followed:
        wrong = sum([await check(await runs.follow(run.id, owner=OWNER), pace.items) for run in started])
    return {"cpu": cpu, "wrong": wrong, "kept": kept}


async def measure(count: int, rate: float, seconds: float, url: str | None) -> dict[str, float]:
    """Returns the figures by name. Those of CPU are seconds an item beyond what the sources cost alone."""
    items = count * round(rate * seconds)
    began = time.process_time()
    pace = Pace(rate, seconds)
    await asyncio.gather(*(drain(pace.source(number, count)) for number in range(count)))
    alone = time.process_time() - began
    tasks = len(asyncio.all_tasks())
    figures: dict[str, float] = {FAULTS: 0.0, LATE: 0.0}
    for name in (ALONE, FOLLOWED):
        pace = Pace(rate, seconds)
        store: Store = MemoryStore() if url is None else RedisStore(url, prefix=f"{name}:")
        async with store, Runs(store, Item, max_runs=count, max_runs_per_owner=count) as runs:
            found = await play(runs, pace, count, are_followed=name == FOLLOWED)
        figures[name] = (found["cpu"] - alone) / items
        figures[FAULTS] += found["wrong"]
        figures[LATE] = max(figures[LATE], pace.late)
        if name == ALONE:
            figures[BYTES] = found["kept"] / items
    figures[TASKS] = float(len(asyncio.all_tasks()) - tasks)
    return figures


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4_096


async def main(arguments: Sequence[str]) -> None:
    """Prints the figures."""
    count, rate, seconds, *url = arguments
    print(json.dumps(await measure(int(count), float(rate), float(seconds), url[0] if url else None)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
