"""Memory and delay: they depend on `history`, not on the number of subscribers, or on how slow they are."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
from anyio.lowlevel import checkpoint

from jero.channels import Channel, MemoryStore, Store, log
from jero.channels.log import Notifier
from jero.channels.subscribers import Subscriber
from jero.testing import AsyncTestClient
from tests.channels.reading import Note, order, until
from tests.channels.visitor import Visitor, Watching

HISTORY = 100
TOGETHER = 25


class Members:
    """Subscribers that receive every batch at once, as streams do."""

    def __init__(self, channel: Channel[Note], count: int) -> None:
        self._subscribers = [channel.subscribe().framed() for _ in range(count)]
        self._newest: dict[Subscriber, str] = {}
        self._changed = Notifier()
        self._reading = [asyncio.create_task(self._read(subscriber)) for subscriber in self._subscribers]

    async def until(self, event_id: str) -> None:
        """Waits until all have received an event."""
        newest = order(event_id)
        async with asyncio.timeout(20):
            while len(self._newest) < len(self._subscribers) or min(map(order, set(self._newest.values()))) < newest:
                await self._changed.wait()

    async def leave(self) -> None:
        """Ends all subscribers."""
        for reading in self._reading:
            reading.cancel()
        await asyncio.wait(self._reading)
        for subscriber in self._subscribers:
            await subscriber.aclose()

    async def _read(self, subscriber: Subscriber) -> None:
        async for batch in subscriber:
            self._newest[subscriber] = batch.events[-1].id
            self._changed.notify()


async def publish(channel: Channel[Note], members: Members, count: int) -> None:
    """Publishes notes of a kilobyte, a few at a time, and waits until all members have received them."""
    for _ in range(0, count, TOGETHER):
        published = await asyncio.gather(*(channel.publish(Note(number, "x" * 1_000)) for number in range(TOGETHER)))
        await members.until(max(published, key=order))


async def growth(channel: Channel[Note], count: int, idle: int = 0) -> int:
    """Returns how many bytes a hundred more events take, with `count` subscribers, and `idle` that read only once.

    It is the least of three measurements, since the Redis client may hold more for a moment.
    """
    tracemalloc.start()
    try:
        members = Members(channel, count)
        stalled = [channel.subscribe().framed() for _ in range(idle)]
        await publish(channel, members, HISTORY)
        held = [await anext(subscriber) for subscriber in stalled]
        grown: list[int] = []
        for _ in range(3):
            before, _ = tracemalloc.get_traced_memory()
            await publish(channel, members, HISTORY)
            grown.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    assert len(held) == idle
    assert channel.statistics().kept == HISTORY
    await members.leave()
    for subscriber in stalled:
        await subscriber.aclose()
    assert channel.statistics().subscribers == 0
    return min(grown)


@pytest.mark.parametrize("make_store", ["memory", "redis"], indirect=True)  # of the process, whatever its nodes
async def test_memory_is_flat_from_a_hundred_to_two_thousand_subscribers(store: Store) -> None:
    for count in (100, 2_000):
        channel = Channel(store, f"of {count}", Note, history=HISTORY)
        assert await growth(channel, count) < 100_000  # a reference to each event would be 800 bytes a subscriber


@pytest.mark.parametrize("make_store", ["memory", "redis"], indirect=True)  # of the process, whatever its nodes
async def test_subscribers_that_never_read_take_no_memory(store: Store) -> None:
    channel = Channel(store, "notes", Note, history=HISTORY)
    assert await growth(channel, 100, idle=100) < 100_000


@asynccontextmanager
async def visitors(count: int, stalled: int) -> AsyncGenerator[tuple[Channel[Note], Sequence[Visitor]]]:
    """Opens streams to clients, of which the last `stalled` accept nothing after the first event."""
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=HISTORY)
        app = Watching(channel)
        async with AsyncTestClient(app):
            everybody = [Visitor(app, "/events") for _ in range(count + stalled)]
            await until(lambda: channel.statistics().subscribers == count + stalled)
            first = await channel.publish(Note(1))
            await until(lambda: all(visitor.has_read(first)() for visitor in everybody))
            for visitor in everybody[count:]:
                visitor.reads.clear()
            yield channel, everybody[:count]
            for visitor in everybody:
                await visitor.leave()


async def turns(count: int, stalled: int) -> list[int]:
    """Returns how many turns of the event loop each of 50 events takes to reach all clients that read."""
    taken: list[int] = []
    async with visitors(count, stalled) as (channel, readers):
        for number in range(2, 52):
            event_id = await channel.publish(Note(number))
            taken.append(0)
            while not all(event_id.encode() in visitor.chunks[-1] for visitor in readers):
                await checkpoint()
                taken[-1] += 1
                assert taken[-1] < 100
    return taken


async def test_clients_that_never_read_delay_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "TURN_SECONDS", 60.0)  # else it depends on the machine how many are served in a turn
    alone = await turns(20, 0)
    assert await turns(20, 1) == alone
    assert await turns(20, 20) == alone
