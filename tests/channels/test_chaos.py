"""Delivery under load while Redis fails repeatedly: 4 processes publish 20,000 events to 50 subscribers.

Each subscriber receives every acknowledged event once and in order, or a gap for it. It receives an event that was not
acknowledged at most once.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from jero.channels import Channel, RedisStore
from tests.channels.proxy import Proxy
from tests.channels.publishers import Publishers
from tests.channels.reading import Note
from tests.channels.recording import LAST, RecordingSubscriber, check_all
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
async def subscribers(
    url: str, history: int
) -> AsyncGenerator[tuple[list[RecordingSubscriber], Callable[[], Awaitable[None]]]]:
    """Starts fifty subscribers, of which five soon pause.

    Yields them, and a function that publishes the last note, ends the pauses and waits until all have received it.
    """
    async with RedisStore(url, prefix=PREFIX) as store:
        channel = Channel(store, "notes", Note, history=history, publish_timeout=60)
        receiving = [
            RecordingSubscriber(
                channel.subscribe(after="0-0"), 100 if number < SLOW else None, in_batches=number % 5 > 0
            )
            for number in range(SUBSCRIBERS)
        ]

        async def finish() -> None:
            await channel.publish(Note(EVENTS, LAST))
            for subscriber in receiving:
                subscriber.continues.set()
            await asyncio.gather(*(subscriber.reading for subscriber in receiving))

        try:
            yield receiving, finish
        finally:
            for subscriber in receiving:
                subscriber.reading.cancel()
            await asyncio.wait([subscriber.reading for subscriber in receiving])


async def test_killing_redis_again_and_again_loses_nothing(durable_server: RedisServer) -> None:
    publishers = Publishers(durable_server.url, PREFIX, EVENTS)
    async with subscribers(durable_server.url, 100_000) as (receiving, finish):
        publishing = asyncio.create_task(publishers.run())
        for settled in range(2_000, EVENTS, 4_000):
            await publishers.until(settled)
            durable_server.kill()
            await asyncio.to_thread(durable_server.start)
        await publishing
        await finish()
    assert not publishers.refused
    assert not any(subscriber.gaps for subscriber in receiving)
    check_all(receiving, publishers)


async def test_cutting_the_connection_again_and_again_loses_nothing_in_silence(
    durable_server: RedisServer, proxy: Proxy
) -> None:
    publishers = Publishers(proxy.url, PREFIX, EVENTS, history=500)
    async with subscribers(proxy.url, 500) as (receiving, finish):
        publishing = asyncio.create_task(publishers.run())
        for settled in range(1_000, EVENTS, 1_000):
            await publishers.until(settled)
            proxy.cut()
        await publishing
        await finish()
    assert not publishers.refused
    assert all(subscriber.gaps for subscriber in receiving[:SLOW])
    check_all(receiving, publishers)


async def test_a_redis_that_stops_answering_loses_nothing(durable_server: RedisServer) -> None:
    publishers = Publishers(durable_server.url, PREFIX, EVENTS, publish_timeout=3)
    async with subscribers(durable_server.url, 100_000) as (receiving, finish):
        publishing = asyncio.create_task(publishers.run())
        await publishers.until(EVENTS // 4)
        durable_server.stop_answering()
        await asyncio.sleep(10)  # longer than any timeout
        durable_server.answer_again()
        await publishing
        await finish()
    assert publishers.refused
    assert not any(subscriber.gaps for subscriber in receiving)
    check_all(receiving, publishers)
