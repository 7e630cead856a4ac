"""A process that publishes: `publisher URL PREFIX COUNT FIRST LANES HISTORY PUBLISH_TIMEOUT`.

It publishes so many notes, numbered from the first on; each lane its part of them, one after the other. It prints each
note's id and number as it is acknowledged, and `-` in place of the id where it is not.
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
    async with RedisStore(url, prefix=prefix) as store:
        channel = Channel(store, "notes", Note, history=history, publish_timeout=float(options[4]))
        size = count // lanes
        await asyncio.gather(*(publish(channel, range(at, at + size)) for at in range(first, first + count, size)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
