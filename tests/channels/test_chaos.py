"""Promises 2 to 4 under load, where Redis fails again and again: 4 processes publish 20,000 events to 50 subscribers.

Every event that was acknowledged is received by each of them once and in order, or named in a gap; one that was not is
received once at the most.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from jero.channels import Channel, RedisStore
from tests.channels.listener import LAST, Listener, check_all
from tests.channels.proxy import Proxy
from tests.channels.publishers import Publishers
from tests.channels.reading import Note
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program

pytestmark = needs_program("redis-server")

EVENTS = 20_000
SUBSCRIBERS = 50
SLOW = 5
PREFIX = "chaos:"


@pytest.fixture
async def proxy(durable_server: RedisServer) -> AsyncGenerator[Proxy, None]:
    async with Proxy(durable_server.port) as proxy:
        yield proxy


@asynccontextmanager
async def listeners(url: str, history: int) -> AsyncGenerator[tuple[list[Listener], Callable[[], Awaitable[None]]]]:
    """Fifty, of whom five stop reading soon; and what lets these go on, and returns when all have received the last."""
    async with RedisStore(url, prefix=PREFIX) as store:
        channel = Channel(store, "notes", Note, history=history, publish_timeout=60)
        listening = [
            Listener(channel.subscribe(after="0-0"), 100 if number < SLOW else None, in_batches=number % 5 > 0)
            for number in range(SUBSCRIBERS)
        ]

        async def finish() -> None:
            await channel.publish(Note(EVENTS, LAST))
            for listener in listening:
                listener.goes_on.set()
            await asyncio.gather(*(listener.reading for listener in listening))

        try:
            yield listening, finish
        finally:
            for listener in listening:
                listener.reading.cancel()
            await asyncio.wait([listener.reading for listener in listening])


async def test_a_redis_that_is_killed_and_comes_back(durable_server: RedisServer) -> None:
    publishers = Publishers(durable_server.url, PREFIX, EVENTS)
    async with listeners(durable_server.url, 100_000) as (listening, finish):
        publishing = asyncio.create_task(publishers.run())
        for settled in range(2_000, EVENTS, 4_000):
            await publishers.until(settled)
            durable_server.kill()
            await asyncio.to_thread(durable_server.start)
        await publishing
        await finish()
    assert not publishers.refused
    assert not any(listener.gaps for listener in listening)
    check_all(listening, publishers)


async def test_a_connection_that_is_cut_again_and_again(durable_server: RedisServer, proxy: Proxy) -> None:
    publishers = Publishers(proxy.url, PREFIX, EVENTS, history=500)
    async with listeners(proxy.url, 500) as (listening, finish):
        publishing = asyncio.create_task(publishers.run())
        for settled in range(1_000, EVENTS, 1_000):
            await publishers.until(settled)
            proxy.cut()
        await publishing
        await finish()
    assert not publishers.refused
    assert all(listener.gaps for listener in listening[:SLOW])
    check_all(listening, publishers)


async def test_a_redis_that_stops_answering(durable_server: RedisServer) -> None:
    publishers = Publishers(durable_server.url, PREFIX, EVENTS, publish_timeout=3)
    async with listeners(durable_server.url, 100_000) as (listening, finish):
        publishing = asyncio.create_task(publishers.run())
        await publishers.until(EVENTS // 4)
        durable_server.stop_answering()
        await asyncio.sleep(10)  # what is tested is an outage that is longer than any timeout
        durable_server.answer_again()
        await publishing
        await finish()
    assert publishers.refused
    assert not any(listener.gaps for listener in listening)
    check_all(listening, publishers)
