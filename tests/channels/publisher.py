"""A process that publishes: `publisher URL PREFIX COUNT FIRST`; it prints each note's id as it is acknowledged."""

import asyncio
import sys

from jero.channels import Channel, RedisStore
from tests.channels.reading import Note


async def main(url: str, prefix: str, count: int, first: int) -> None:
    async with RedisStore(url, prefix=prefix) as store:
        channel = Channel(store, "notes", Note, history=100_000, publish_timeout=60)
        for number in range(first, first + count):
            print(await channel.publish(Note(number)), number, flush=True)  # noqa: T201 - its output is the test's input


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
