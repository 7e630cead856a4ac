"""Publishing at the pace of the subscribers that keep up: they miss nothing, and the event loop has its turns."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest

from jero.channels import Channel, ChannelUnavailable, MemoryStore, RedisStore, Store
from jero.channels.log import EventLog
from jero.testing import AsyncTestClient
from tests.channels.reading import Follower, Note, numbers, take, until
from tests.channels.redis_server import RedisServer
from tests.channels.test_middleware import compressing, passing_on, pausing
from tests.channels.visitor import Visitor, Watching

HISTORY = 200
EVENTS = 4_000
READERS = 20


class Ticker:
    """Counts turns of the event loop, and calls `look` in each of them."""

    def __init__(self, look: Callable[[], int]) -> None:
        self.seen: list[int] = [look()]
        self._look = look
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.seen.append(self._look())

    async def stop(self) -> int:
        """Returns by how much the number grew between two turns, at most."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self.seen.append(self._look())
        return max(after - before for before, after in zip(self.seen, self.seen[1:], strict=False))


async def flood(channel: Channel[Note], first: int = 1, count: int = EVENTS, text: str = "") -> None:
    """Publishes notes one after the other, without a pause of its own."""
    for number in range(first, first + count):
        await channel.publish(Note(number, text))


@asynccontextmanager
async def streams(
    channel: Channel[Note], path: str = "/events", around: Callable[[Any], Any] = lambda app: app
) -> AsyncGenerator[Sequence[Visitor]]:
    app = Watching(channel)
    async with AsyncTestClient(app):
        visitors = [Visitor(around(app), path) for _ in range(READERS)]
        await until(lambda: channel.statistics().subscribers == READERS)
        yield visitors
        await asyncio.gather(*(visitor.leave() for visitor in visitors))


def has_all(visitor: Visitor, count: int) -> bool:
    return visitor.body.count(b'"number":') >= count


@pytest.mark.parametrize("path", ["/events", "/lines", "/array", "/chosen"])
async def test_a_publisher_that_never_pauses_reaches_every_stream(path: str) -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=HISTORY)
        async with streams(channel, path) as visitors:
            await flood(channel)
            await until(lambda: all(visitor.body.count(b'"number":4000') for visitor in visitors))
            expected = EVENTS // 2 if path == "/chosen" else EVENTS
            assert {visitor.body.count(b'"number":') for visitor in visitors} == {expected}
            assert not any(b"resumed_at" in visitor.body for visitor in visitors)


@pytest.mark.parametrize("around", [passing_on, compressing, pausing])
async def test_a_publisher_that_never_pauses_reaches_streams_behind_middleware(around: Callable[[Any], Any]) -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=HISTORY)
        async with streams(channel, around=around) as visitors:
            await flood(channel)
            await until(lambda: all(b'"number":4000' in visitor.body for visitor in visitors))
            assert all(has_all(visitor, EVENTS) for visitor in visitors)
            assert channel.statistics().gaps == 0


async def test_large_events_reach_every_stream() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history_bytes=1_000_000)
        async with streams(channel) as visitors:
            await flood(channel, count=60, text="x" * 100_000)
            await until(lambda: all(has_all(visitor, 60) for visitor in visitors))
            assert channel.statistics().gaps == 0


async def together(channel: Channel[Note]) -> None:
    """Publishes from many tasks that never pause."""
    count = EVENTS // 100
    await asyncio.gather(*(flood(channel, first, count) for first in range(1, EVENTS + 1, count)))


async def all_at_once(channel: Channel[Note]) -> None:
    """Publishes each event from a task of its own."""
    await asyncio.gather(*(channel.publish(Note(number)) for number in range(1, EVENTS + 1)))


@pytest.mark.parametrize("publish", [together, all_at_once])
async def test_many_publishers_reach_every_subscriber(publish: Callable[[Channel[Note]], Awaitable[None]]) -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=HISTORY)
        followers = [Follower(channel.subscribe()) for _ in range(READERS)]
        reading = [asyncio.create_task(read(follower, EVENTS)) for follower in followers]
        await until(lambda: channel.statistics().subscribers == READERS)
        ticker = Ticker(lambda: channel.statistics().published)
        await publish(channel)
        assert await ticker.stop() <= HISTORY
        await asyncio.gather(*reading)
        assert channel.statistics().gaps == 0
        received = numbers(followers[0].received)
        assert sorted(received) == [*range(1, EVENTS + 1)]
        assert all(numbers(follower.received) == received for follower in followers)
        if publish is all_at_once:
            assert received == sorted(received)  # publishers that wait keep their order
        for follower in followers:
            await follower.close()


async def read(follower: Follower, count: int) -> None:
    while len(follower.received) < count:
        await follower.next()


@pytest.mark.parametrize("make_store", ["memory", "redis"], indirect=True)  # of the process, whatever its nodes
async def test_publishing_leaves_turns_to_the_event_loop_although_nobody_subscribes(store: Store) -> None:
    channels = [Channel(store, f"notes {number}", Note) for number in range(20)]
    ticker = Ticker(lambda: sum(channel.statistics().published for channel in channels))
    for number in range(1_000 if isinstance(store, RedisStore) else 20_000):
        await channels[number % 20].publish(Note(number))
    longest = await ticker.stop()
    assert longest < 2_000
    assert len(ticker.seen) > 10


async def test_a_few_events_are_published_without_a_turn_of_the_event_loop() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note)
        await channel.publish(Note(0))
        with pytest.raises(StopIteration):
            channel.publish(Note(1)).send(None)


def pace_of(store: Store, history: int = HISTORY) -> Any:
    return store.log("notes", history).pace


async def test_clients_that_never_read_are_given_up_once() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=HISTORY)
        async with streams(channel) as visitors:
            fast, stalled = visitors[: READERS // 2], visitors[READERS // 2 :]
            for visitor in stalled:
                visitor.reads.clear()
            await flood(channel)
            await until(lambda: all(has_all(visitor, EVENTS) for visitor in fast))
            assert pace_of(store).generation == 1
            assert channel.statistics().gaps == 0
            for visitor in stalled:
                visitor.reads.set()
            await until(lambda: all(b'"number":4000' in visitor.body for visitor in visitors))
            assert channel.statistics().gaps == len(stalled)
            await flood(channel, EVENTS + 1)  # they have caught up, so they miss nothing any more
            await until(lambda: all(b'"number":8000' in visitor.body for visitor in visitors))
            assert channel.statistics().gaps == len(stalled)
            assert pace_of(store).generation == 1


async def test_subscribers_that_rest_in_turn_delay_a_cycle_no_longer_than_one() -> None:
    """Each of a thousand subscribers reads once all others rest. Their rest counts as one."""
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=4)
        subscribers = [channel.subscribe().framed() for _ in range(1_000)]
        await flood(channel, count=4)
        publishing = asyncio.create_task(channel.publish(Note(5)))
        taken = 0
        while not publishing.done():
            await asyncio.sleep(0.002)
            await anext(subscribers[taken])
            taken += 1
        assert taken < 200
        for subscriber in subscribers:
            await subscriber.aclose()


async def test_clients_that_never_read_do_not_hold_back_large_events() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history_bytes=1_000_000)
        async with streams(channel) as visitors:
            for visitor in visitors:
                visitor.reads.clear()
            await flood(channel, count=30, text="x" * 300_000)
            assert channel.statistics().published == 30
            assert store.log("notes", 1_000, 1_000_000).pace.generation == 1


@pytest.mark.parametrize("size", [1, 70_000, 2_000_000])
async def test_events_of_any_size_pass_a_client_that_never_reads(size: int) -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=20, history_bytes=1_000_000)
        idle = channel.subscribe().framed()
        follower = Follower(channel.subscribe())
        reading = asyncio.create_task(read(follower, 100))
        await flood(channel, count=100, text="x" * size)
        await reading
        assert numbers(follower.received) == [*range(1, 101)]
        await idle.aclose()
        await follower.close()


async def test_a_subscriber_that_publishes_what_it_reads_goes_on() -> None:
    async with MemoryStore() as store:
        channel, answers = (Channel(store, name, Note, history=20) for name in ("notes", "answers"))
        follower = Follower(channel.subscribe())
        await channel.publish(Note(1))
        for number in range(200):
            event = await follower.next()
            assert isinstance(event.data, Note)
            await answers.publish(event.data)
            await channel.publish(Note(number + 2))
        assert numbers(follower.received) == [*range(1, 201)]
        await follower.close()


async def test_a_publisher_that_is_cancelled_while_it_waits_publishes_nothing() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=4)
        subscriber = channel.subscribe().framed()  # it never reads
        await flood(channel, count=4)
        waiting = [asyncio.create_task(channel.publish(Note(number))) for number in range(5, 8)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(results[1], asyncio.CancelledError)
        assert channel.statistics().published == 6
        await subscriber.aclose()
        kept = await take(channel.subscribe(after="0-0"), 5)  # after a gap
        assert numbers(kept) == [3, 4, 5, 7]


async def test_closing_the_store_refuses_publishers_that_wait() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=4)
        subscriber = channel.subscribe().framed()  # it never reads
        await flood(channel, count=4)
        waiting = [asyncio.create_task(channel.publish(Note(number))) for number in range(5, 8)]
        await asyncio.sleep(0)
        await store.__aexit__(None, None, None)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [ChannelUnavailable] * 3
        await subscriber.aclose()


async def test_redis_pages_are_added_at_the_pace_of_the_subscribers(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = f"{uuid4()}:"
    async with (
        RedisStore(redis_server.url, prefix=prefix) as store,
        RedisStore(redis_server.url, prefix=prefix) as other,
    ):
        channel = Channel(store, "notes", Note, history=HISTORY)
        generous = Channel(other, "notes", Note, history=100_000)
        log = store.log("notes", HISTORY)
        replayed = count_replays(log, monkeypatch)
        followers = [Follower(channel.subscribe()) for _ in range(READERS)]
        reading = [asyncio.create_task(read(follower, EVENTS)) for follower in followers]
        await until(lambda: log.is_ready)  # else it loads the newest, and earlier ones are replayed
        async with streams(channel) as visitors:
            ticker = Ticker(lambda: log.ring.last_sequence)
            for first in range(1, EVENTS + 1, 200):
                await asyncio.gather(*(generous.publish(Note(number)) for number in range(first, first + 200)))
            await asyncio.gather(*reading)
            await until(lambda: all(has_all(visitor, EVENTS) for visitor in visitors))
            assert await ticker.stop() <= HISTORY // 4
        assert channel.statistics().gaps == 0
        assert replayed == []
        for follower in followers:
            await follower.close()


def count_replays(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    replayed: list[object] = []
    replay = log.replay

    async def counting(_: EventLog, offset: tuple[int, int]) -> Any:
        replayed.append(offset)
        return await replay(offset)

    monkeypatch.setattr(type(log), "replay", counting)
    return replayed
