"""Keeps the newest events of a channel once, and groups them in batches that all subscribers share.

A subscriber's place in a ring is a sequence number, so it needs no queue and no list of events of its own.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from jero.channels.event import Event, Offset
from jero.codec import DEFAULT_ENCODER
from jero.framing.framing import FramedItems, Framing
from jero.framing.sse import SSE

# The size of a batch at most, unless its only event is larger. It is about the size of a stream's chunk.
BATCH_BYTES: Final = 65_536


class Batch(FramedItems):
    """One or more events in order. All subscribers at the same place get the same object, and send the same bytes.

    `sequence`: the sequence number of the last event; `None` if the events do not come from the ring. `offset`: the
    offset of the last event. `is_gap`: the only event is a gap, which nobody published.
    """

    __slots__ = ("_bytes", "_others", "events", "is_gap", "offset", "sequence")

    def __init__(self, events: Sequence[Event], sequence: int | None = None, *, is_gap: bool = False) -> None:
        super().__init__(len(events))
        self.events = events
        self.sequence = sequence
        self.offset = events[-1].offset
        self.is_gap = is_gap
        self._bytes = events[0].frame if len(events) == 1 else b"".join([event.frame for event in events])
        self._others: list[tuple[Framing, bytes]] = []

    def bytes_in(self, framing: Framing) -> bytes:
        """Returns the events in a format. Event streams get the kept frames; each other format is encoded once."""
        if framing is SSE:
            return self._bytes
        for encoded, others in self._others:
            if encoded is framing:
                return others
        others = self._encode(framing)
        self._others.append((framing, others))
        return others

    def _encode(self, framing: Framing) -> bytes:
        buffer = bytearray()
        for event in self.events:
            if buffer:
                buffer += framing.separator
            framing.encode(event.encodable(), buffer, DEFAULT_ENCODER)
        return bytes(buffer)


class _LastBatch(NamedTuple):
    """The batch that was made last, and the sequence number before it. `is_full`: a later event would not fit in."""

    batch: Batch
    after: int
    is_full: bool


class Ring:
    """The newest events, at most `capacity` of them. Each has a sequence number: the first 1, the next 2, and so on.

    `low_watermark`, `high_watermark`: offsets; the ring has every event after the low one, up to the high one.
    `first_sequence`, `last_sequence`: the sequence numbers of the oldest and the newest event. If the ring is empty,
    `last_sequence` is `first_sequence - 1`.
    """

    def __init__(self, capacity: int, low_watermark: Offset) -> None:
        self._events: deque[Event] = deque()
        self._capacity = capacity
        self._last_batch: _LastBatch | None = None
        self.low_watermark = self.high_watermark = low_watermark
        self.first_sequence = 1
        self.last_sequence = 0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def events_per_batch(self) -> int:
        """Returns how many events as large as the newest fit in a batch, at least 1."""
        return max(1, BATCH_BYTES // len(self._events[-1].frame)) if self._events else 1

    @property
    def is_full(self) -> bool:
        """Returns whether the next event evicts the oldest."""
        return len(self._events) == self._capacity

    def append(self, event: Event) -> None:
        """Adds the newest event. Evicts the oldest if the ring is full."""
        if self.is_full:
            self.low_watermark = self._events.popleft().offset
            self.first_sequence += 1
        self._events.append(event)
        self.last_sequence += 1
        self.high_watermark = event.offset

    def restart(self, low_watermark: Offset) -> None:
        """Drops all events. The next event comes after `low_watermark`; subscribers at earlier places are behind."""
        self._events.clear()
        self._last_batch = None
        self.last_sequence += 1  # skips a number, so that no earlier sequence number is next to a later one
        self.first_sequence = self.last_sequence + 1
        self.low_watermark = self.high_watermark = low_watermark

    def sequence_at(self, offset: Offset) -> int | None:
        """Returns the sequence number of the event at `offset`, or of the event before the ring's first.

        Returns `None` if no event is at `offset`, or if the ring does not have every event after it.
        """
        index = bisect_right(self._events, offset, key=_offset)
        known = self._events[index - 1].offset if index else self.low_watermark
        if offset == known or (offset == self.high_watermark and index == len(self._events)):
            return self.first_sequence - 1 + index
        return None

    def batch_after(self, sequence: int) -> Batch | None:
        """Returns the events after the one with this sequence number, or `None` if it is the newest.

        The number must be at least `first_sequence - 1`. Calls with the same number return the same batch.
        """
        if sequence == self.last_sequence:
            return None
        last = self._last_batch
        if last is None or last.after != sequence or not (last.is_full or last.batch.sequence == self.last_sequence):
            self._last_batch = last = self._make_batch(sequence)
        return last.batch

    def _make_batch(self, sequence: int) -> _LastBatch:
        start = sequence - self.first_sequence + 1
        events = fill_batch(self._events[index] for index in range(start, len(self._events)))
        is_full = start + len(events) < len(self._events)
        return _LastBatch(Batch(events, sequence + len(events)), sequence, is_full)


def fill_batch(events: Iterable[Event]) -> list[Event]:
    """Returns the first events that fit in one batch: at least one, and no more than `BATCH_BYTES` if more than one."""
    fitting: list[Event] = []
    size = 0
    for event in events:
        size += len(event.frame)
        if fitting and size > BATCH_BYTES:
            break
        fitting.append(event)
    return fitting


def _offset(event: Event) -> Offset:
    return event.offset
