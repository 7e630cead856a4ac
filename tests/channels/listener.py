"""A subscriber among many, and whether what it was given is what was published."""

import asyncio
from array import array
from collections.abc import Sequence
from contextlib import aclosing

from msgspec.json import Decoder

from jero.channels import Gap, Subscription
from tests.channels.publishers import Publishers
from tests.channels.reading import Note, order

PATIENCE = 75.0
LAST = "the last"

_NOTE = Decoder(Note)
_GAP = Decoder(Gap)


class Listener:
    """Receives until the note whose text is `LAST`, one event at a time, or `in_batches`, as streams do.

    It takes nothing more once it has `pauses_at` events, until `goes_on`. `ids`, `numbers`: of each event in turn; a
    gap has the number -1, and is in `gaps` by its place.
    """

    def __init__(
        self, subscription: Subscription[Note], pauses_at: int | None = None, *, in_batches: bool = False
    ) -> None:
        self.ids: list[str] = []
        self.numbers = array("i")
        self.gaps: dict[int, Gap] = {}
        self.goes_on = asyncio.Event()
        self._pauses_at = pauses_at or 0
        if pauses_at is None:
            self.goes_on.set()
        self.reading = asyncio.create_task(self._read_batches(subscription) if in_batches else self._read(subscription))

    async def _read(self, subscription: Subscription[Note]) -> None:
        async with asyncio.timeout(PATIENCE), aclosing(subscription.__aiter__()) as events:
            async for event in events:
                if not self._take(event.id, event.data):
                    return
                if len(self.ids) >= self._pauses_at:
                    await self.goes_on.wait()

    async def _read_batches(self, subscription: Subscription[Note]) -> None:
        async with asyncio.timeout(PATIENCE), aclosing(subscription.framed()) as batches:
            async for batch in batches:
                decode = _GAP.decode if batch.is_gap else _NOTE.decode
                if not all(self._take(event.id, decode(event.data)) for event in batch.events):
                    return
                if len(self.ids) >= self._pauses_at:
                    await self.goes_on.wait()

    def _take(self, event_id: str | None, data: object) -> bool:
        assert event_id is not None
        if isinstance(data, Gap):
            self.gaps[len(self.ids)] = data
            number = -1
        else:
            assert isinstance(data, Note)
            if data.text == LAST:
                return False
            number = data.number
        self.ids.append(event_id)
        self.numbers.append(number)
        return True


def check_all(listeners: Sequence[Listener], publishers: Publishers) -> None:
    """Each has received every acknowledged event once and in order, or a gap names it, and no other event twice."""
    published = sorted(publishers.acknowledged, key=order)
    publishers.check_order()
    checked: list[Listener] = []
    for listener in listeners:
        if not any((listener.ids, listener.numbers) == (other.ids, other.numbers) for other in checked):
            check(listener, publishers, published)
            checked.append(listener)


def check(listener: Listener, publishers: Publishers, published: Sequence[str]) -> None:
    """The same of one, whose subscription began before the first event."""
    positions = [order(event_id) for event_id in listener.ids]
    assert positions == sorted(set(positions))
    pending = iter(published)
    refused: list[int] = []
    for index, (event_id, number) in enumerate(zip(listener.ids, listener.numbers, strict=True)):
        if index in listener.gaps:
            check_gap(listener, index)
            missed_until = positions[index]
            published = [later for later in pending if order(later) > missed_until]
            pending = iter(published)
        elif event_id in publishers.acknowledged:
            assert event_id == next(pending)
            assert number == publishers.acknowledged[event_id]
        else:
            refused.append(number)
    assert list(pending) == []
    assert len(set(refused)) == len(refused)
    assert set(refused) <= publishers.refused


def check_gap(listener: Listener, index: int) -> None:
    """It begins at what was received before, and ends where it says."""
    gap = listener.gaps[index]
    assert gap.resumed_at == listener.ids[index]
    if index:
        assert gap.after == listener.ids[index - 1]
