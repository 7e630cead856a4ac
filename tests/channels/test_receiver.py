"""Positions, against any interleaving of publishing and reading: what is received, and what is told to be missed."""

import asyncio
import weakref

from hypothesis import given
from hypothesis import strategies as st

from jero.channels import Channel, MemoryStore
from jero.channels.batch import Batch
from jero.channels.receiver import Receiver
from tests.channels.reading import Note, publish

READERS = 3
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 7)),
        st.tuples(st.just("read"), st.integers(0, READERS - 1)),
        st.tuples(st.just("turn"), st.just(0)),
    ),
    max_size=40,
)


class Reader:
    """One that asks for a batch when it is told to, and keeps what came of it."""

    def __init__(self, receiver: Receiver) -> None:
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
        while not self.batches or self.batches[-1].position != position:
            self.ask()
            await asyncio.sleep(0)
            self.collect()

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,))
        await self.receiver.aclose()


async def played(history: int, steps: list[tuple[str, int]]) -> tuple[int, list[list[Batch]], Channel[Note]]:
    """How many were published in the end, and what each reader has received of it."""
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=history)
        readers = [Reader(channel.subscribe().framed()) for _ in range(READERS)]
        published = 0
        for step, number in steps:
            if step == "publish":
                await publish(channel, number, first=published + 1)
                published += number
            elif step == "read":
                readers[number].ask()
            else:
                await asyncio.sleep(0)
        newest = await channel.publish(Note(published + 1))
        position = store.log("notes", history).position_of(newest)
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
            numbers = [event.position[1] for event in batch.events]
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


async def waited_and_left(channel: Channel[Note]) -> weakref.ref[object]:
    """What a subscriber waited on that has left."""
    receiver = channel.subscribe().framed()
    await publish(channel, 1)
    await anext(receiver)
    waiter: weakref.ref[object] = weakref.ref(receiver.__anext__())
    assert waiter() is not None
    await receiver.aclose()
    return waiter


async def test_of_who_left_nothing_is_kept() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note)
        assert [(await waited_and_left(channel))() for _ in range(3)] == [None, None, None]
        assert channel.statistics().subscribers == 0
