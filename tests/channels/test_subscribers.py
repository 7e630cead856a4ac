"""Subscribers under any interleaving of publishing and reading: which events arrive, and which gaps."""

import asyncio
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.channels import Channel, MemoryStore, log, ring
from jero.channels.ring import Batch
from jero.channels.subscribers import Subscriber
from jero.framing.framing import FramedItems
from tests.channels.reading import Note, publish

READERS = 4
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 7)),
        st.tuples(st.just("read"), st.integers(0, READERS - 1)),
        st.tuples(st.just("refuse"), st.integers(0, READERS - 1)),
        st.tuples(st.just("turn"), st.just(0)),
    ),
    max_size=40,
)


class Reader:
    """Asks a subscriber for a batch when it is told to, and records the batches."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self.batches: list[Batch] = []
        self._asking: asyncio.Task[Batch] | None = None

    def ask(self) -> None:
        """Records the last batch, and asks for the next unless it still waits."""
        self.collect()
        if self._asking is None:
            self._asking = asyncio.ensure_future(anext(self.subscriber))

    def collect(self) -> None:
        if self._asking is not None and self._asking.done():
            self.batches.append(self._asking.result())
            self._asking = None

    async def read_to(self, offset: tuple[int, int]) -> None:
        """Reads up to the event at the offset."""
        while not self.batches or self.batches[-1].offset != offset:
            self.ask()
            await asyncio.sleep(0)
            self.collect()

    def refuse_next(self) -> None:
        """Makes `deliver` refuse the next batch, if the reader has set it."""

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,))
        await self.subscriber.aclose()


class DeliveredReader(Reader):
    """Sets `deliver`, as a stream does. It refuses one batch when it is told to."""

    def __init__(self, subscriber: Subscriber) -> None:
        super().__init__(subscriber)
        self._refuses_next = False
        subscriber.deliver = self._deliver

    def refuse_next(self) -> None:
        self._refuses_next = True

    def _deliver(self, framed: FramedItems) -> bool:
        assert isinstance(framed, Batch)
        assert self._asking is not None
        assert not self._asking.done()
        if self._refuses_next:
            self._refuses_next = False
            return False
        self.batches.append(framed)
        return True


async def play(history: int, steps: list[tuple[str, int]]) -> tuple[int, list[list[Batch]], Channel[Note]]:
    """Returns how many events were published, the batches of each reader, and the channel."""
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=history)
        kinds = [DeliveredReader if number % 2 else Reader for number in range(READERS)]
        readers = [kind(channel.subscribe().framed()) for kind in kinds]
        published = 0
        for step, number in steps:
            if step == "publish":
                await publish(channel, number, first=published + 1)
                published += number
            elif step == "read":
                readers[number].ask()
            elif step == "refuse":
                readers[number].refuse_next()
            else:
                await asyncio.sleep(0)
        newest = await channel.publish(Note(published + 1))
        offset = store.log("notes", history).offset_of(newest)
        assert offset is not None
        for reader in readers:
            await reader.read_to(offset)
            await reader.close()
        return published + 1, [reader.batches for reader in readers], channel


@given(history=st.integers(1, 6), steps=STEPS)
def test_each_event_is_received_once_and_in_order_or_reported_in_a_gap(
    history: int, steps: list[tuple[str, int]]
) -> None:
    published, received, channel = asyncio.run(play(history, steps))
    for batches in received:
        at = 0
        for batch in batches:
            numbers = [event.offset[1] for event in batch.events]
            if batch.is_gap:
                assert numbers[0] > at
            else:
                assert numbers == list(range(at + 1, at + 1 + len(numbers)))
            at = numbers[-1]
        assert at == published
    statistics = channel.statistics()
    everything = [batch for batches in received for batch in batches]
    assert statistics.subscribers == 0
    assert statistics.gaps == sum(batch.is_gap for batch in everything)
    assert statistics.delivered == sum(batch.count for batch in everything if not batch.is_gap)


@pytest.fixture
def long_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the turns so long that the machine does not decide which events share a batch."""
    for module in (log, ring):
        monkeypatch.setattr(module, "TURN_SECONDS", 60.0)


@pytest.mark.usefixtures("long_turns")
async def test_all_waiting_subscribers_get_the_same_batch() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note)
        readers = [Reader(channel.subscribe().framed()) for _ in range(100)]
        for reader in readers:
            reader.ask()
        await asyncio.sleep(0)
        await publish(channel, 10)
        for _ in range(2):
            await asyncio.sleep(0)
        for reader in readers:
            reader.collect()
            assert [batch.count for batch in reader.batches] == [10]
            assert reader.batches[0] is readers[0].batches[0]
            await reader.close()


async def waited_and_left(channel: Channel[Note]) -> list[weakref.ref[object]]:
    """Closes a subscriber that waits. Returns weak references to it and to its future."""
    subscriber = channel.subscribe().framed()
    await publish(channel, 1)
    await anext(subscriber)
    left = [weakref.ref[object](subscriber), weakref.ref[object](subscriber.__anext__())]
    assert left[1]() is not None
    await subscriber.aclose()
    return left


async def test_a_closed_subscriber_is_freed() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note)
        for _ in range(3):
            assert [left() for left in await waited_and_left(channel)] == [None, None]
        assert channel.statistics().subscribers == 0


async def test_a_gap_wakes_a_stream_which_continues_after_it() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=10)
        reader = DeliveredReader(channel.subscribe().framed())
        for _ in range(2):
            reader.ask()
            await turns()
            await publish(channel, 1)
            await turns()
            reader.collect()
        log = store.log("notes", 10)
        run, newest = log.ring.high_watermark
        log.skip_to((run, newest + 5))
        await turns()
        reader.collect()
        assert reader.batches[-1].is_gap
        reader.ask()
        await channel.publish(Note(9))
        await reader.read_to((run, newest + 6))
        await reader.close()
        assert channel.statistics().gaps == 1


@pytest.mark.usefixtures("long_turns")
async def test_two_subscribers_that_reach_one_event_in_one_turn_both_get_the_next() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note)
        early, late = (DeliveredReader(channel.subscribe().framed()) for _ in range(2))
        for reader in (early, late):
            reader.ask()
        await turns()
        late.refuse_next()
        await publish(channel, 1)
        await turns()
        late.collect()
        await publish(channel, 1)
        with pytest.raises(StopIteration):  # the batch is there at once, without a turn of the event loop
            late.subscriber.__anext__().__await__().send(None)
        late.ask()
        await publish(channel, 1)
        await turns()
        await publish(channel, 1)
        await turns()
        assert [batch.count for batch in early.batches] == [1, 2, 1]
        assert [batch.count for batch in late.batches] == [1, 1, 1]
        assert early.batches[-1] is late.batches[-1]
        for reader in (early, late):
            await reader.close()


async def turns() -> None:
    """Lets the event loop run everything that is ready."""
    for _ in range(3):
        await asyncio.sleep(0)
