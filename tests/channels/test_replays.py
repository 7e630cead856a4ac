"""Subscribers that come back to a channel on Redis: they delay no publisher, take turns, and read page by page."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from jero.channels import Channel, RedisStore
from jero.channels.ring import BATCH_BYTES, Batch
from jero.channels.subscribers import Subscriber
from tests.channels.reading import Note, numbers, order, publish, take, until
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program

pytestmark = needs_program("redis-server")

CROWD = 200
STORED = 10_000


class Returned:
    """A subscriber that comes back with the oldest id, and reads batch by batch."""

    def __init__(self, channel: Channel[Note]) -> None:
        self.batches = 0
        self.events = 0
        self.subscriber: Subscriber = channel.subscribe(after="0-0").framed()
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for batch in self.subscriber:
            assert not batch.is_gap
            self.batches += 1
            self.events += batch.count


def fill(server: RedisServer, key: str, count: int, text_size: int = 0) -> None:
    """Stores notes as another program does, all at once."""
    script = """
    for number = 1, ARGV[1] do
        local text = string.rep('x', ARGV[2])
        redis.call('XADD', KEYS[1], '*', 'data', '{"number":' .. number .. ',"text":"' .. text .. '"}')
    end
    redis.call('PUBLISH', KEYS[1], '')
    """
    server.command("EVAL", script, "1", key, str(count), str(text_size))


@pytest.fixture
def prefix() -> str:
    return f"{uuid4()}:"


@asynccontextmanager
async def crowd(channel: Channel[Note], count: int) -> AsyncGenerator[list[Returned]]:
    """Has subscribers come back together. Each has more to read than the ring has."""
    readers = [Returned(channel) for _ in range(count)]
    try:
        await until(lambda: all(reader.batches for reader in readers))
        yield readers
    finally:
        for reader in readers:
            reader.reading.cancel()
        await asyncio.wait([reader.reading for reader in readers])
        for reader in readers:
            await reader.subscriber.aclose()


@pytest.mark.parametrize("connections", [1, 8])
async def test_subscribers_that_come_back_do_not_delay_a_publisher(
    redis_server: RedisServer, prefix: str, connections: int
) -> None:
    fill(redis_server, f"{prefix}channel:notes", STORED)
    async with RedisStore(redis_server.url, prefix=prefix, connections=connections) as store:
        channel = Channel(store, "notes", Note, history=100_000)
        await publish(channel, 1)
        async with crowd(channel, CROWD) as readers:
            for _ in range(3):
                before = sum(reader.batches for reader in readers)
                await channel.publish(Note(0))
                read_meanwhile = sum(reader.batches for reader in readers) - before
                assert read_meanwhile < CROWD / 6  # in one queue with them it would be all of the crowd


async def test_subscribers_that_come_back_take_turns(redis_server: RedisServer, prefix: str) -> None:
    fill(redis_server, f"{prefix}channel:notes", STORED)
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        channel = Channel(store, "notes", Note, history=100_000)
        async with crowd(channel, 20) as readers:
            while max(reader.batches for reader in readers) < 15:
                taken = [reader.batches for reader in readers]
                assert max(taken) - min(taken) <= 2
                await asyncio.sleep(0)


async def test_a_returning_subscriber_reads_pages_of_a_bounded_size(redis_server: RedisServer, prefix: str) -> None:
    key = f"{prefix}channel:notes"
    fill(redis_server, key, 20)
    fill(redis_server, key, 30, text_size=1_000_000)
    fill(redis_server, key, 1_001)
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        channel = Channel(store, "notes", Note, history=100_000, history_bytes=100_000_000)
        newest = (await publish(channel, 1))[0]
        tracemalloc.start()
        try:
            subscriber = channel.subscribe(after="0-0").framed()
            batch: Batch | None = None
            count = 0
            while batch is None or batch.events[-1].id != newest:
                batch = await anext(subscriber)
                assert isinstance(batch, Batch)
                count += batch.count
                assert batch.count == 1 or sum(event.size for event in batch.events) <= BATCH_BYTES
            await subscriber.aclose()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert count == 1_052
    assert peak < 15_000_000  # a few copies of one event, instead of thirty events


@pytest.mark.parametrize("history_bytes", [1_000_000, 5_000_000])
async def test_a_channel_loads_no_more_bytes_than_it_keeps(
    redis_server: RedisServer, prefix: str, history_bytes: int
) -> None:
    fill(redis_server, f"{prefix}channel:notes", 100, text_size=500_000)
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        tracemalloc.start()
        try:
            channel = Channel(store, "notes", Note, history_bytes=history_bytes)
            subscriber = channel.subscribe(after="0-0").framed()
            await until(lambda: channel.statistics().last_id is not None)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert 1 <= channel.statistics().kept <= history_bytes // 500_100
        await subscriber.aclose()
        assert peak < 5 * history_bytes + 2_000_000
        assert len(await take(channel.subscribe(after="0-0"), 100)) == 100


async def test_new_events_are_read_in_pages_of_a_bounded_size(redis_server: RedisServer, prefix: str) -> None:
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        channel = Channel(store, "notes", Note, history_bytes=2_000_000)
        first = (await publish(channel, 1))[0]
        key = f"{prefix}channel:notes"
        received = asyncio.create_task(take(channel.subscribe(after=first), 101))
        fill(redis_server, key, 1, text_size=500_000)
        await until(lambda: channel.statistics().last_id != first)
        tracemalloc.start()
        try:
            fill(redis_server, key, 100, text_size=500_000)
            assert numbers(await received) == [1, *range(1, 101)]
        finally:
            tracemalloc.stop()
        assert channel.statistics().kept <= 4
        assert channel.statistics().gaps == 0


async def test_a_crowd_that_comes_back_receives_every_event(redis_server: RedisServer, prefix: str) -> None:
    fill(redis_server, f"{prefix}channel:notes", 3_000)
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        channel = Channel(store, "notes", Note, history=100_000)
        async with crowd(channel, 30) as readers:
            published = [await channel.publish(Note(number)) for number in range(100)]
            await until(lambda: all(reader.events == 3_100 for reader in readers))
        assert published == sorted(published, key=order)


@pytest.mark.parametrize("connections", [0, -1])
def test_a_store_without_connections_is_refused(connections: int) -> None:
    with pytest.raises(ValueError, match=r"RedisStore\(connections="):
        RedisStore("redis://localhost", connections=connections)
