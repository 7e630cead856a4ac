"""The bytes that a channel keeps: bounded by `history_bytes`, whatever the size of an event."""

import tracemalloc
from typing import Any

import pytest

from jero.channels import Channel, Gap, MemoryStore, Store
from jero.errors import WiringError
from jero.testing import AsyncTestClient
from tests.channels.reading import Follower, Note, check_accounted, numbers, take, until
from tests.channels.visitor import Visitor, Watching

KEPT = 1_000_000
LARGE = "x" * 99_000


@pytest.fixture
async def channel(store: Store) -> Channel[Note]:
    return Channel(store, "notes", Note, history_bytes=KEPT)


async def fill(channel: Channel[Note], count: int, text: str = LARGE) -> list[str]:
    """Publishes notes of the same size. Returns their ids."""
    return [await channel.publish(Note(number, text)) for number in range(1, count + 1)]


async def test_the_kept_events_have_bounded_bytes(store: Store, channel: Channel[Note]) -> None:
    subscriber = channel.subscribe().framed()
    tracemalloc.start()
    try:
        newest = (await fill(channel, 100))[-1]
        await until(lambda: channel.statistics().last_id == newest and channel.statistics().kept == 10)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert channel.statistics().kept == 10
    assert kept < 1.5 * KEPT
    await subscriber.aclose()


async def test_a_channel_keeps_16_mebibytes_unless_it_is_told_otherwise() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note)
        text = "x" * 2**20
        await fill(channel, 40, text)
        assert channel.statistics().kept == 15  # 16 of them have a few bytes more


async def test_a_subscriber_behind_the_kept_bytes_gets_a_gap() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history_bytes=KEPT)
        slow = Follower(channel.subscribe())
        first = await channel.publish(Note(0))
        await slow.next()
        published = await fill(channel, 30)
        received = await slow.until(published[-1])
        check_accounted(published, received[1:], first)
        assert isinstance(received[1].data, Gap)
        assert numbers(received[2:]) == [*range(21, 31)]
        resumed = await take(channel.subscribe(after=published[2]), 11)
        assert isinstance(resumed[0].data, Gap)
        assert numbers(resumed[1:]) == [*range(21, 31)]


async def test_an_event_larger_than_the_bound_is_delivered_in_every_format(channel: Channel[Note]) -> None:
    app = Watching(channel)
    async with AsyncTestClient(app):
        visitors = [Visitor(app, path) for path in ("/events", "/lines", "/array", "/chosen")]
        await until(lambda: channel.statistics().subscribers == len(visitors))
        follower = Follower(channel.subscribe())
        sizes = [10, 3 * KEPT, 10, 5 * KEPT, 7 * KEPT, 10]
        ids: list[str] = []
        for size in sizes:
            ids.append(await channel.publish(Note(2, "x" * size)))
            await follower.next()  # Redis keeps no more than the newest
        received: list[Any] = follower.received
        assert [event.id for event in received] == ids
        assert [len(event.data.text) for event in received] == sizes
        await until(lambda: all(visitor.body.count(b'"number":2') == len(sizes) for visitor in visitors))
        for visitor in visitors:
            await visitor.leave()
        await follower.close()


async def test_the_newest_event_is_kept_even_if_it_is_larger_than_the_bound(channel: Channel[Note]) -> None:
    subscriber = channel.subscribe().framed()
    first = await channel.publish(Note(1))
    await channel.publish(Note(2, "x" * 2 * KEPT))
    await until(lambda: channel.statistics().kept == 1)
    assert numbers(await take(channel.subscribe(after=first), 1)) == [2]
    await subscriber.aclose()


async def test_text_that_an_event_stream_splits_counts_with_both_forms() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "texts", str, history_bytes=KEPT)
        for _ in range(50):
            await channel.publish("x\n" * 10_000)
        assert 1 <= channel.statistics().kept <= KEPT // (2 * 10_000 + 8 * 10_000)


async def test_a_channel_needs_a_byte(store: Store) -> None:
    with pytest.raises(ValueError, match=r"Channel\(history_bytes=0\)"):
        Channel(store, "notes", Note, history_bytes=0)


async def test_channels_of_one_name_need_the_same_bytes(store: Store) -> None:
    Channel(store, "notes", Note, history_bytes=10)
    with pytest.raises(WiringError, match="history_bytes=10"):
        Channel(store, "notes", Note, history_bytes=11)
