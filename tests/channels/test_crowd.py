"""Promise 5: what a channel takes depends on `history`, not on how many subscribers there are, or how slow they are."""

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
    """Subscribers that take all that comes, as streams do."""

    def __init__(self, channel: Channel[Note], count: int) -> None:
        self._receivers = [channel.subscribe().framed() for _ in range(count)]
        self._newest: dict[Subscriber, str] = {}
        self._news = Notifier()
        self._reading = [asyncio.create_task(self._read(receiver)) for receiver in self._receivers]

    async def until(self, event_id: str) -> None:
        """Returns when all have received it."""
        newest = order(event_id)
        async with asyncio.timeout(20):
            while len(self._newest) < len(self._receivers) or min(map(order, set(self._newest.values()))) < newest:
                await self._news.wait()

    async def leave(self) -> None:
        """They receive nothing more."""
        for reading in self._reading:
            reading.cancel()
        await asyncio.wait(self._reading)
        for receiver in self._receivers:
            await receiver.aclose()

    async def _read(self, receiver: Subscriber) -> None:
        async for batch in receiver:
            self._newest[receiver] = batch.events[-1].id
            self._news.notify()


async def publish(channel: Channel[Note], members: Members, count: int) -> None:
    """Publishes so many notes of a kilobyte, a few at a time; all members receive them."""
    for _ in range(0, count, TOGETHER):
        published = await asyncio.gather(*(channel.publish(Note(number, "x" * 1_000)) for number in range(TOGETHER)))
        await members.until(max(published, key=order))


async def growth(channel: Channel[Note], count: int, idle: int = 0) -> int:
    """The bytes that a hundred more events take, with so many subscribers, and so many more that read once.

    The least of three times: what a client of Redis holds for a moment may come on top; what is kept comes each time.
    """
    tracemalloc.start()
    try:
        members = Members(channel, count)
        stalled = [channel.subscribe().framed() for _ in range(idle)]
        await publish(channel, members, HISTORY)
        held = [await anext(receiver) for receiver in stalled]
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
    for receiver in stalled:
        await receiver.aclose()
    assert channel.statistics().subscribers == 0
    return min(grown)


async def test_memory_is_flat_from_a_hundred_to_two_thousand_subscribers(store: Store) -> None:
    for count in (100, 2_000):
        channel = Channel(store, f"of {count}", Note, history=HISTORY)
        assert await growth(channel, count) < 100_000  # a reference to each event would be 800 bytes a subscriber


async def test_who_never_reads_takes_no_memory(store: Store) -> None:
    channel = Channel(store, "notes", Note, history=HISTORY)
    assert await growth(channel, 100, idle=100) < 100_000


@asynccontextmanager
async def visitors(count: int, stalled: int) -> AsyncGenerator[tuple[Channel[Note], Sequence[Visitor]]]:
    """Streams that are read, beside some that are not from their second event on."""
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
    """How many turns of the event loop each of 50 events takes to reach all who read."""
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


async def test_who_never_reads_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "TURN_SECONDS", 60.0)  # how many are served in one hangs on the machine
    alone = await turns(20, 0)
    assert await turns(20, 1) == alone
    assert await turns(20, 20) == alone
