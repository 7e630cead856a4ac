"""Publishes notes in a process: `publisher URL PREFIX COUNT FIRST LANES HISTORY PUBLISH_TIMEOUT [REPLICAS]`.

With REPLICAS, the URL is of a cluster, and this many replicas must have each note.

It publishes COUNT notes, numbered from FIRST. Each lane publishes its share, one note after the other. The process
prints the id and the number of each note when it is acknowledged, or `-` and the number if it is not.
"""

import asyncio
import sys
from collections.abc import Sequence

from jero.channels import Channel, ChannelUnavailable, RedisStore
from tests.channels.reading import Note


async def publish(channel: Channel[Note], numbers: range) -> None:
    for number in numbers:
        try:
            event_id = await channel.publish(Note(number))
        except ChannelUnavailable:
            event_id = "-"
        print(event_id, number, flush=True)  # noqa: T201 - its output is the test's input


async def main(url: str, prefix: str, options: Sequence[str]) -> None:
    count, first, lanes, history = map(int, options[:4])
    replicas = options[5:]
    wait_replicas = int(replicas[0]) if replicas else 0
    async with RedisStore(url, cluster=bool(replicas), wait_replicas=wait_replicas, prefix=prefix) as store:
        channel = Channel(store, "notes", Note, history=history, publish_timeout=float(options[4]))
        size = count // lanes
        await asyncio.gather(*(publish(channel, range(at, at + size)) for at in range(first, first + count, size)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
