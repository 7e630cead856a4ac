"""Channels on Redis that nobody uses any more: they leave nothing, neither in the process nor on Redis."""

import asyncio
import tracemalloc
from uuid import uuid4

from jero.channels import EARLIEST, Channels, RedisStore
from tests.channels.reading import Follower, Note, numbers, publish, until
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program

ROOMS = 100
AT_ONCE = 50
# What a channel takes at least, in bytes.
LEAST = 1_000

pytestmark = needs_program("redis-server")


async def come_and_go(rooms: Channels[Note], name: str) -> None:
    """Subscribes to a room, publishes in it, and leaves it."""
    follower = Follower(rooms[name].subscribe(after=EARLIEST))
    await publish(rooms[name], 1)
    assert numbers([await follower.next()]) == [1]
    await follower.close()


async def test_channels_that_come_and_go_leave_nothing(redis_server: RedisServer) -> None:
    prefix = f"{uuid4()}:"

    def left_on_redis() -> bytes:
        return redis_server.command("KEYS", f"{prefix}*") + redis_server.command("PUBSUB", "CHANNELS", f"{prefix}*")

    async with RedisStore(redis_server.url, prefix=prefix) as store:
        rooms = Channels(store, "room", Note, keep=0.1, linger=0.05)

        async def cycle(number: int) -> int:
            names = [f"{number}: {room}" for room in range(ROOMS)]
            for at in range(0, ROOMS, AT_ONCE):
                await asyncio.gather(*(come_and_go(rooms, name) for name in names[at : at + AT_ONCE]))
            await until(lambda: rooms.statistics().open == 0)
            await until(lambda: left_on_redis() == b"*0\r\n*0\r\n")
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            await cycle(1)
            tasks = len(asyncio.all_tasks())
            second, third = await cycle(2), await cycle(3)
        finally:
            tracemalloc.stop()
        assert third - second < ROOMS * LEAST / 2
        assert len(asyncio.all_tasks()) == tasks
        statistics = rooms.statistics()
        assert (statistics.published, statistics.delivered, statistics.gaps) == (3 * ROOMS, 3 * ROOMS, 0)
