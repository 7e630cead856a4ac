"""A channel in this process: keeps its newest events once, in a ring, and serves the subscribers that wait for more."""

import asyncio
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from jero.channels.event import Event, Offset, Payload, make_gap
from jero.codec import DEFAULT_ENCODER
from jero.framing.framing import FramedItems, Framing
from jero.framing.sse import SSE

# Theory of operation
# -------------------
#
# From publish to the subscribers. `Channel.publish` encodes the data and awaits `EventLog.append`. In memory, that
# makes the event and calls `ingest` at once. On Redis, it only stores the event: each process reads all new events
# back, its own among them, and its reader task calls `ingest`. So the store alone decides the order of events.
# `ingest` appends the events to the ring and schedules `_serve` for the end of the event loop's turn. `_serve` gives
# each waiting subscriber the batch of all events after its place. Events that are published in one turn leave together.
#
# Two numbers for a place. An *offset* is an event's place in its channel, and means the same in every process that
# shares the store. Clients see it as the event's id. Offsets are in order but have holes, so arithmetic on them cannot
# say whether two events are neighbours. A *sequence number* is an event's place in this process's ring, and has no
# holes: after event n comes event n + 1. Only `Ring.restart` skips a number, so that the events before and after a loss
# are not neighbours.
#
# Watermarks. The ring has every event after its low watermark, up to its high watermark; both are offsets. Evicting
# the oldest event raises the low one. The high one is usually the newest event's offset. It is higher if the newest
# entry in Redis was not an event.
#
# Order and bounds. `WaitingSubscribers` groups the subscribers that have received every event by the sequence number
# that they have reached. The group furthest behind is served first. Serving stops after `TURN_SECONDS` and goes on in
# the next turn, so that a crowd does not keep the event loop from publishers and requests. Subscribers that come last
# then get the newer events in the same batch. Before the ring evicts an event, `flush_oldest` serves the group that
# still needs it: a subscriber that waits never misses an event. A subscriber that does not wait, because its client is
# slow, holds no events. It falls behind alone, and the ring stays within its capacity.
#
# Look before wait. One event loop runs all of this, so it needs no locks. A task that waits looks first, at the ring
# or at `is_ready` and `is_closed`, and then waits without an `await` in between. So no change is missed, and a
# notification that nobody waits for can be forgotten. After the wait the task looks again.
#
# Whose task. `ingest`, `skip_to` and `close` run in the task that publishes, in the store's reader task or in the task
# that closes the store. `_serve` runs in a callback of the event loop. `deliver` and `receive` are called from there:
# they must not raise, wait or run the subscriber's own code. `deliver` sends for a stream whose task waits; if it
# cannot send at once, it returns False. `receive` then wakes the task with the same batch.

# The size of a batch at most, unless its only event is larger. It is about the size of a stream's chunk.
BATCH_BYTES: Final = 65_536
# How long serving may keep the event loop before other callbacks have their turn.
TURN_SECONDS: Final = 0.0005
# How many subscribers are served between two looks at the clock.
SERVED_PER_LOOK: Final = 16


class Batch(FramedItems):
    """One or more events in order. All subscribers at the same place get the same object, and send the same bytes.

    `sequence`: the sequence number of the last event; `None` if the events do not come from the ring. `offset`: the
    offset of the last event. `is_gap`: the only event is a gap, which nobody published.
    """

    __slots__ = ("_bytes", "_others", "events", "is_gap", "offset", "sequence")

    def __init__(self, events: Sequence[Event], sequence: int | None = None, *, is_gap: bool = False) -> None:
        self.count = len(events)
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


class Counters:
    """Counts for `ChannelStatistics`, kept up to date in this process."""

    __slots__ = ("delivered", "gaps", "published", "subscribers")

    def __init__(self) -> None:
        self.subscribers = 0
        self.published = 0
        self.delivered = 0
        self.gaps = 0


class Notifier:
    """Wakes all tasks that wait at that moment. A task looks before it waits, without an `await` in between."""

    def __init__(self) -> None:
        self._next: asyncio.Event | None = None

    def notify(self) -> None:
        """Wakes the tasks that wait now. A later `wait` waits for the next call."""
        if self._next is not None:
            self._next.set()
            self._next = None

    async def wait(self) -> None:
        """Waits for the next call of `notify`."""
        if self._next is None:
            self._next = asyncio.Event()
        await self._next.wait()


class WaitingSubscriber(Protocol):
    """A subscriber that waits for the next event. `deliver`, if set, sends a batch and returns whether all was sent."""

    @property
    def deliver(self) -> Callable[[Batch], bool] | None: ...

    def receive(self, batch: Batch) -> None:
        """Ends the wait with a batch that `deliver` did not send."""
        ...

    def end(self) -> None:
        """Ends the wait, because the log is closed."""
        ...


class WaitingSubscribers:
    """The subscribers that wait, grouped by the sequence number of the last event that they received."""

    def __init__(self, ring: Ring, counters: Counters) -> None:
        self._ring = ring
        self._counters = counters
        self._groups: dict[int, dict[WaitingSubscriber, None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_scheduled = False

    def add(self, sequence: int, subscriber: WaitingSubscriber) -> asyncio.Future[Batch]:
        """Adds a subscriber that has received all events up to this sequence number, the ring's last.

        Returns the future that its task awaits. The subscriber stays until its wait ends or until it is removed.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._groups.setdefault(sequence, {})[subscriber] = None
        return self._loop.create_future()

    def remove(self, subscriber: WaitingSubscriber) -> None:
        """Removes a subscriber, if it waits."""
        for group in self._groups.values():
            group.pop(subscriber, None)

    def schedule(self) -> None:
        """Serves the subscribers at the end of this turn of the event loop."""
        if self._groups and not self._is_scheduled and self._loop is not None:
            self._is_scheduled = True
            self._loop.call_soon(self._serve)

    def flush_oldest(self) -> None:
        """Serves, now, the subscribers that wait for the ring's oldest event."""
        before_oldest = self._ring.first_sequence - 1
        while before_oldest in self._groups:
            self._serve_some()

    def flush(self) -> None:
        """Serves, now, all subscribers with all events of the ring."""
        while self._serve_some():
            pass

    def broadcast(self, batch: Batch) -> None:
        """Ends the wait of all subscribers with a batch that is not from the ring."""
        for subscriber in self._remove_all():
            subscriber.receive(batch)

    def close(self) -> None:
        """Ends the wait of all subscribers without a batch."""
        for subscriber in self._remove_all():
            subscriber.end()

    def _remove_all(self) -> list[WaitingSubscriber]:
        groups, self._groups = self._groups, {}
        return [subscriber for group in groups.values() for subscriber in group]

    def _serve(self) -> None:
        self._is_scheduled = False
        until = monotonic() + TURN_SECONDS
        while self._serve_some():
            if monotonic() >= until:
                self.schedule()
                return

    def _serve_some(self) -> bool:
        """Gives the next batch to some subscribers of the group furthest behind. Returns whether there was a batch."""
        groups = self._groups
        sequence = min(groups, default=self._ring.last_sequence)
        batch = self._ring.batch_after(sequence)
        if batch is None or batch.sequence is None:
            return False
        group = groups[sequence]
        served = groups.setdefault(batch.sequence, {})
        delivered = 0
        for _ in range(min(SERVED_PER_LOOK, len(group))):
            subscriber, _ = group.popitem()
            deliver = subscriber.deliver
            if deliver is not None and deliver(batch):
                served[subscriber] = None  # still waits, for the event after the batch
                delivered += batch.count
            else:
                subscriber.receive(batch)
        self._counters.delivered += delivered  # a subscriber counts a received batch when its task has it
        if not group:
            del groups[sequence]
        if not served:
            del groups[batch.sequence]
        return True


class Replay(Struct, frozen=True):
    """The answer of a store to a subscriber whose offset is not in the ring.

    `events`: kept events after the subscriber's offset. `gap_end`: if set, `events` is empty, and the events up to this
    offset are missing. If neither is set, the subscriber continues from `offset`.
    """

    offset: Offset
    events: Sequence[Event] = ()
    gap_end: Offset | None = None


class EventLog(ABC):
    """The events of one channel, as this process sees them.

    `ring`: the newest events. `waiting`: the subscribers that wait for the next event. `changed`: notifies after every
    change of the ring, of `is_ready` and of `is_closed`. `is_ready`: the store has answered, so the ring is valid.
    `is_closed`: no more events will come.
    """

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.counters = Counters()
        self.waiting = WaitingSubscribers(ring, self.counters)
        self.changed = Notifier()
        self._initial_offset = ring.high_watermark
        self.is_ready = False
        self.is_closed = False

    @abstractmethod
    def offset_of(self, event_id: str) -> Offset | None:
        """Returns the offset of an id; `None` if the id is from another store, or from before a restart of this one.

        Raises `ValueError` with the reason if the id cannot be from this channel.
        """

    @abstractmethod
    def id_of(self, offset: Offset) -> str:
        """Returns the id for an offset."""

    @abstractmethod
    def newest_offset(self) -> Offset:
        """Returns the newest offset that this process knows."""

    @abstractmethod
    def offset_at(self, moment: float) -> Offset:
        """Returns the newest offset at a moment of `time.monotonic` before the log was ready.

        If it is not known exactly, returns an offset from shortly before that moment.
        """

    @abstractmethod
    async def append(self, payload: Payload, timeout_seconds: float) -> str:
        """Stores an event and returns its id. Raises `ChannelUnavailable` if that fails within `timeout_seconds`."""

    @abstractmethod
    async def replay(self, offset: Offset) -> Replay:
        """Reads the events after an offset that is not in the ring."""

    def last_id(self) -> str | None:
        """Returns the id of the newest event that this process has seen, or `None` if it has not seen any."""
        newest = self.ring.high_watermark
        return None if newest == self._initial_offset else self.id_of(newest)

    def mark_ready(self) -> None:
        """Declares the ring valid, and wakes the tasks that wait for that."""
        self.is_ready = True
        self.changed.notify()

    def ingest(self, events: Iterable[Event]) -> None:
        """Adds the newest events, in the store's order, and schedules the subscribers."""
        for event in events:
            if self.ring.is_full:
                self.waiting.flush_oldest()
            self.ring.append(event)
        self.waiting.schedule()
        self.changed.notify()

    def skip_to(self, gap_end: Offset) -> None:
        """Restarts the ring at `gap_end`, because the events up to it are lost. Sends waiting subscribers the gap."""
        self.waiting.flush()
        gap = self.make_gap(self.id_of(self.ring.high_watermark), gap_end)
        self.ring.restart(gap_end)
        self.waiting.broadcast(gap)
        self.changed.notify()

    def make_gap(self, after: str, gap_end: Offset) -> Batch:
        """Returns the gap for a subscriber that has missed the events after an id, up to an offset."""
        return Batch((make_gap(after, gap_end, self.id_of(gap_end)),), is_gap=True)

    def close(self) -> None:
        """Sends the waiting subscribers the rest, and ends them and everything else that waits for this log."""
        self.is_closed = True
        self.waiting.flush()
        self.waiting.close()
        self.changed.notify()
