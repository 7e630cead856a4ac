"""Positions, against any interleaving of publishing and reading: what is received, and what is told to be missed."""

import asyncio
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.channels import Channel, MemoryStore
from jero.channels.ring import Batch
from jero.channels.subscribers import Subscriber
from jero.framing.framing import FramedItems
from tests.channels.reading import Note, publish

READERS = 4
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 7)),
        st.tuples(st.just("read"), st.integers(0, READERS - 1)),
        st.tuples(st.just("tire"), st.integers(0, READERS - 1)),
        st.tuples(st.just("turn"), st.just(0)),
    ),
    max_size=40,
)


class Reader:
    """One that asks for a batch when it is told to, and keeps what came of it."""

    def __init__(self, receiver: Subscriber) -> None:
        self.receiver = receiver
        self.batches: list[Batch] = []
        self._asking: asyncio.Task[Batch] | None = None

    def ask(self) -> None:
        """Asks, unless it is still waiting; what it was given since is kept."""
        self.collect()
        if self._asking is None:
            self._asking = asyncio.ensure_future(anext(self.receiver))

    def collect(self) -> None:
        if self._asking is not None and self._asking.done():
            self.batches.append(self._asking.result())
            self._asking = None

    async def read_to(self, position: tuple[int, int]) -> None:
        """Reads until it is there."""
        while not self.batches or self.batches[-1].offset != position:
            self.ask()
            await asyncio.sleep(0)
            self.collect()

    def tire(self) -> None:
        """It takes nothing for once, where it takes."""

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,))
        await self.receiver.aclose()


class Taker(Reader):
    """One that takes what comes while it waits, until it is tired, once."""

    def __init__(self, receiver: Subscriber) -> None:
        super().__init__(receiver)
        self._is_tired = False
        receiver.deliver = self._take

    def tire(self) -> None:
        self._is_tired = True

    def _take(self, framed: FramedItems) -> bool:
        assert isinstance(framed, Batch)
        assert self._asking is not None
        assert not self._asking.done()
        if self._is_tired:
            self._is_tired = False
            return False
        self.batches.append(framed)
        return True


async def played(history: int, steps: list[tuple[str, int]]) -> tuple[int, list[list[Batch]], Channel[Note]]:
    """How many were published in the end, and what each reader has received of it."""
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=history)
        kinds = [Taker if number % 2 else Reader for number in range(READERS)]
        readers = [kind(channel.subscribe().framed()) for kind in kinds]
        published = 0
        for step, number in steps:
            if step == "publish":
                await publish(channel, number, first=published + 1)
                published += number
            elif step == "read":
                readers[number].ask()
            elif step == "tire":
                readers[number].tire()
            else:
                await asyncio.sleep(0)
        newest = await channel.publish(Note(published + 1))
        position = store.log("notes", history).offset_of(newest)
        assert position is not None
        for reader in readers:
            await reader.read_to(position)
            await reader.close()
        return published + 1, [reader.batches for reader in readers], channel


@given(history=st.integers(1, 6), steps=STEPS)
def test_each_event_is_received_once_in_order_or_told_to_be_missed(history: int, steps: list[tuple[str, int]]) -> None:
    published, received, channel = asyncio.run(played(history, steps))
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


async def test_all_who_wait_get_the_same_batch() -> None:
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
    """A subscriber that has left, and what it waited on."""
    receiver = channel.subscribe().framed()
    await publish(channel, 1)
    await anext(receiver)
    left = [weakref.ref[object](receiver), weakref.ref[object](receiver.__anext__())]
    assert left[1]() is not None
    await receiver.aclose()
    return left


async def test_of_who_left_nothing_is_kept() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note)
        for _ in range(3):
            assert [left() for left in await waited_and_left(channel)] == [None, None]
        assert channel.statistics().subscribers == 0


async def test_who_takes_is_woken_for_a_gap_and_goes_on_from_there() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=10)
        taker = Taker(channel.subscribe().framed())
        for _ in range(2):
            taker.ask()
            await turns()
            await publish(channel, 1)
            await turns()
            taker.collect()
        log = store.log("notes", 10)
        life, newest = log.ring.high_watermark
        log.skip_to((life, newest + 5))
        await turns()
        taker.collect()
        assert taker.batches[-1].is_gap
        taker.ask()
        await channel.publish(Note(9))
        await taker.read_to((life, newest + 6))
        await taker.close()
        assert channel.statistics().gaps == 1


async def test_two_who_come_to_the_same_event_in_one_turn_are_both_given_the_next() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note)
        early, late = (Taker(channel.subscribe().framed()) for _ in range(2))
        for taker in (early, late):
            taker.ask()
        await turns()
        late.tire()
        await publish(channel, 1)
        await turns()
        late.collect()
        await publish(channel, 1)
        with pytest.raises(StopIteration):  # it has that one at once, without a turn of the event loop
            late.receiver.__anext__().__await__().send(None)
        late.ask()
        await publish(channel, 1)
        await turns()
        await publish(channel, 1)
        await turns()
        assert [batch.count for batch in early.batches] == [1, 2, 1]
        assert [batch.count for batch in late.batches] == [1, 1, 1]
        assert early.batches[-1] is late.batches[-1]
        for taker in (early, late):
            await taker.close()


async def turns() -> None:
    """Lets the event loop turn until all that is ready has been done."""
    for _ in range(3):
        await asyncio.sleep(0)
