"""Records what subscribers receive, and checks it against what was published."""

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


class RecordingSubscriber:
    """Receives events until the note whose text is `LAST`, one at a time, or `in_batches` as streams do.

    After `pauses_at` events it waits until `continues` is set. `ids` and `numbers` list the events in order. A gap has
    the number -1, and `gaps` has its data under its index.
    """

    def __init__(
        self, subscription: Subscription[Note], pauses_at: int | None = None, *, in_batches: bool = False
    ) -> None:
        self.ids: list[str] = []
        self.numbers = array("i")
        self.gaps: dict[int, Gap] = {}
        self.continues = asyncio.Event()
        self._pauses_at = pauses_at or 0
        if pauses_at is None:
            self.continues.set()
        self.reading = asyncio.create_task(self._read_batches(subscription) if in_batches else self._read(subscription))

    async def _read(self, subscription: Subscription[Note]) -> None:
        async with asyncio.timeout(PATIENCE), aclosing(subscription.__aiter__()) as events:
            async for event in events:
                if not self._take(event.id, event.data):
                    return
                if len(self.ids) >= self._pauses_at:
                    await self.continues.wait()

    async def _read_batches(self, subscription: Subscription[Note]) -> None:
        async with asyncio.timeout(PATIENCE), aclosing(subscription.framed()) as batches:
            async for batch in batches:
                decode = _GAP.decode if batch.is_gap else _NOTE.decode
                if not all(self._take(event.id, decode(event.data)) for event in batch.events):
                    return
                if len(self.ids) >= self._pauses_at:
                    await self.continues.wait()

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


def check_all(
    subscribers: Sequence[RecordingSubscriber], publishers: Publishers, *, loses_events: bool = False
) -> None:
    """Checks that each received every acknowledged event once and in order, or a gap for it, and no event twice.

    `loses_events`: Redis may have lost an event before its publisher had the answer. Then it was published again, and
    comes again after a gap.
    """
    published = sorted(publishers.acknowledged, key=order)
    publishers.check_order()
    checked: list[RecordingSubscriber] = []
    for subscriber in subscribers:
        if not any((subscriber.ids, subscriber.numbers) == (other.ids, other.numbers) for other in checked):
            check(subscriber, publishers, published, loses_events=loses_events)
            checked.append(subscriber)


def check(
    subscriber: RecordingSubscriber, publishers: Publishers, published: Sequence[str], *, loses_events: bool
) -> None:
    """Checks one subscriber, whose subscription began before the first event."""
    positions = [order(event_id) for event_id in subscriber.ids]
    of_events = [at for index, at in enumerate(positions) if not (loses_events and index in subscriber.gaps)]
    assert of_events == sorted(set(of_events))  # a gap may end before events that only the lost Redis had
    pending = iter(published)
    refused: list[int] = []
    for index, (event_id, number) in enumerate(zip(subscriber.ids, subscriber.numbers, strict=True)):
        if index in subscriber.gaps:
            check_gap(subscriber, index)
            missed_until = positions[index]
            published = [later for later in pending if order(later) > missed_until]
            pending = iter(published)
        elif event_id in publishers.acknowledged:
            assert event_id == next(pending)
            assert number == publishers.acknowledged[event_id]
        elif not (loses_events and any(later > index for later in subscriber.gaps)):
            refused.append(number)
    assert list(pending) == []
    assert len(set(refused)) == len(refused)
    assert set(refused) <= publishers.refused


def check_gap(subscriber: RecordingSubscriber, index: int) -> None:
    """Checks that the gap begins after the event before it, and ends at its own id."""
    gap = subscriber.gaps[index]
    assert gap.resumed_at == subscriber.ids[index]
    if index:
        assert gap.after == subscriber.ids[index - 1]
