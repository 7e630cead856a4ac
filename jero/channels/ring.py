"""Keeps the newest events of a channel once, in a ring, and decides when the next event may be added."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple, TypeAlias

from jero.channels.event import Event, Offset
from jero.codec import DEFAULT_ENCODER
from jero.framing.framing import FramedItems, Framing
from jero.framing.sse import SSE, SSE_TEXT

# Theory of operation
# -------------------
#
# The ring's events go to subscribers in batches. Those at the same place share one batch.
#
# Storing an event in memory takes microseconds and needs no `await`. A publisher that never pauses would keep the event
# loop, so that no subscriber's task runs while the ring evicts the events that it has not read. So a log asks its pace
# before each event. The event waits in three cases:
#
# - Publishing has kept the event loop for `TURN_SECONDS`. All channels of a store share that time, which is the `Turn`.
# - A *cycle* is over in the turn in which it began: a quarter of the events that the ring keeps, or as many bytes as a
#   subscriber receives in one batch. If every subscriber has caught up, the next cycle begins at once.
# - The ring would evict an event that an active subscriber may need. The active subscribers had all caught up at the
#   *safe* point, so they need at most the events after it.
#
# A subscriber is *busy* from its first turn, or from the batch that ends its wait, until it waits again. Subscribers
# whose streams send in the publisher's turn never become busy. If nobody is busy, and all that wait are served, the
# newest event is the safe point. A client that is slow stays busy, and must not delay the others: if an event has to
# wait for it, and for `IDLE_TURNS` turns and `IDLE_SECONDS` no busy subscriber takes a step, all busy subscribers are
# given up. They are not waited for until they have caught up. `generation` makes that one step: a subscriber is counted
# only if it became busy in the present generation. Idle time is a sum, so that subscribers that take steps one after
# the other cannot prolong it.
#
# Events that have to wait queue. A callback in each turn of the event loop lets in as many as there is room for, in
# order, and at least one, so that no channel waits for another. It runs the action that adds the event, so that no
# other publisher comes between.

# The size of a batch at most, unless its only event is larger. It is about the size of a stream's chunk.
BATCH_BYTES: Final = 65_536
# The size of the events that a channel keeps in this process at most, unless it is told another.
HISTORY_BYTES: Final = 16 * 1024 * 1024
# How long publishing, and serving subscribers, may keep the event loop before other callbacks have their turn.
TURN_SECONDS: Final = 0.0005
# How many turns of the event loop, and for how long, the subscribers of a cycle may rest before they are given up.
IDLE_TURNS: Final = 16
IDLE_SECONDS: Final = 0.005

NOT_BUSY: Final = -1
# A deque takes most of what an open channel takes, so a ring without events has none of its own.
_NO_EVENTS: Final[deque[Event]] = deque(maxlen=0)


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
        if framing is SSE or framing is SSE_TEXT:
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

    `max_bytes`: how many bytes its events have at most. The newest event is kept even if it alone has more.
    `low_watermark`, `high_watermark`: offsets; the ring has every event after the low one, up to the high one.
    `first_sequence`, `last_sequence`: the sequence numbers of the oldest and the newest event. If the ring is empty,
    `last_sequence` is `first_sequence - 1`. `bytes_added`: the size of all events that were ever added.
    `before_eviction`: called before the oldest event is dropped. `end`: the batch of the last event that there will
    ever be, which is alone in it; `None` until `finish` sets it.
    """

    __slots__ = (
        "_bytes_dropped",
        "_events",
        "_last_batch",
        "before_eviction",
        "bytes_added",
        "capacity",
        "end",
        "first_sequence",
        "high_watermark",
        "last_sequence",
        "low_watermark",
        "max_bytes",
    )

    def __init__(self, capacity: int, low_watermark: Offset, max_bytes: int = HISTORY_BYTES) -> None:
        self._events: deque[Event] = _NO_EVENTS
        self.capacity = capacity
        self.max_bytes = max_bytes
        self._last_batch: _LastBatch | None = None
        self.low_watermark = self.high_watermark = low_watermark
        self.first_sequence = 1
        self.last_sequence = 0
        self.bytes_added = 0
        self.before_eviction: Callable[[], object] | None = None
        self.end: Batch | None = None
        self._bytes_dropped = 0

    def __len__(self) -> int:
        return len(self._events)

    def append(self, event: Event) -> None:
        """Adds the newest event. Evicts the oldest ones if the ring is full."""
        events = self._events
        self.bytes_added += event.size
        while events and (len(events) >= self.capacity or self.bytes_added - self._bytes_dropped > self.max_bytes):
            if self.before_eviction is not None:
                self.before_eviction()
            oldest = events.popleft()
            self._bytes_dropped += oldest.size
            self.low_watermark = oldest.offset
            self.first_sequence += 1
        if events is _NO_EVENTS:
            events = self._events = deque()
        events.append(event)
        self.last_sequence += 1
        self.high_watermark = event.offset

    def finish(self, end: Batch) -> None:
        """Adds the last event, which is alone in its batch."""
        self.append(end.events[0])
        end.sequence = self.last_sequence
        self.end = end

    def restart(self, low_watermark: Offset) -> None:
        """Drops all events. The next event comes after `low_watermark`; subscribers at earlier places are behind."""
        self._events = _NO_EVENTS
        self._bytes_dropped = self.bytes_added
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
        end, start, stop = self.end, sequence - self.first_sequence + 1, len(self._events)
        if end is not None:
            stop -= 1
            if start == stop:
                return _LastBatch(end, sequence, is_full=True)
        events = fill_batch(self._events[index] for index in range(start, stop))
        is_full = end is not None or start + len(events) < stop
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


class Turn:
    """The present turn of the event loop, which all channels of a store share.

    `number` counts the turns in which something is published. `publishing_ends_at` is when publishing has kept the
    event loop for too long; 0 if nobody has published in this turn.
    """

    __slots__ = ("_at_end", "_is_begun", "number", "publishing_ends_at")

    def __init__(self) -> None:
        self.number = 0
        self.publishing_ends_at = 0.0
        self._is_begun = False
        self._at_end: list[Callable[[], None]] = []

    def is_over(self) -> bool:
        """Returns whether it is `TURN_SECONDS` ago that somebody published first in this turn."""
        now = monotonic()
        if self.publishing_ends_at:
            return now >= self.publishing_ends_at
        self.publishing_ends_at = now + TURN_SECONDS
        if not self._is_begun:
            self._begin()
        return False

    def at_end(self, callback: Callable[[], None]) -> None:
        """Calls the function at the end of this turn. It must not raise."""
        self._at_end.append(callback)
        if not self._is_begun:
            self._begin()

    def _begin(self) -> None:
        self._is_begun = True
        asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        self.number += 1
        self.publishing_ends_at = 0.0
        self._is_begun = False
        callbacks, self._at_end = self._at_end, []
        for callback in callbacks:
            callback()


# The size of an event, the future of its publisher, and the action that adds it.
_Waiting: TypeAlias = tuple[int, asyncio.Future[Any], Callable[[], Any]]


class Pace:
    """Lets events of one channel into its ring, at the pace of the subscribers that keep up.

    `is_served` returns whether all subscribers that wait have every event of the ring. If not, it has them served soon.
    `generation`, `busy`: how many subscribers became busy in the present generation, and still are. `steps`: counts
    what busy subscribers do, so that their rest is noticed.
    """

    __slots__ = (
        "_cycle_bytes",
        "_cycle_events",
        "_cycle_turn",
        "_end_bytes",
        "_end_sequence",
        "_idle_seconds",
        "_idle_turns",
        "_is_scheduled",
        "_is_served",
        "_looked_at",
        "_queue",
        "_ring",
        "_safe_bytes",
        "_safe_sequence",
        "_seen_steps",
        "_turn",
        "busy",
        "generation",
        "steps",
    )

    def __init__(self, ring: Ring, is_served: Callable[[], bool], turn: Turn) -> None:
        self.generation = 0
        self.busy = 0
        self.steps = 0
        self._ring = ring
        self._is_served = is_served
        self._turn = turn
        self._cycle_events = max(1, ring.capacity // 4)
        self._cycle_bytes = min(BATCH_BYTES, ring.max_bytes // 4)
        self._queue: deque[_Waiting] | None = None
        self._is_scheduled = False
        self._seen_steps = 0
        self._idle_turns = 0
        self._idle_seconds = 0.0
        self._looked_at = 0.0
        self._mark_safe(0)

    def must_wait(self, size: int) -> bool:
        """Returns whether the next event, of this size in bytes, has to wait for its turn."""
        ring = self._ring
        if (ring.last_sequence >= self._end_sequence or ring.bytes_added + size > self._end_bytes or self._queue) and (
            self._queue or not self._has_room(size)
        ):
            return True
        ends_at = self._turn.publishing_ends_at
        return monotonic() >= ends_at if ends_at else self._turn.is_over()

    async def wait(self, size: int, action: Callable[[], Any]) -> Any:
        """Runs the action when the next event has its turn. Returns what it returns, and raises what it raises."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not self._queue:
            self._looked_at = monotonic()
            self._queue = deque()
        self._queue.append((size, future, action))
        self._schedule()
        return await future

    def has_waiting(self) -> bool:
        """Returns whether an event waits for its turn."""
        return bool(self._queue)

    def close(self) -> None:
        """Runs all actions that wait."""
        while self._queue:
            _run(self._queue.popleft())

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._turn.at_end(self._advance)

    def _advance(self) -> None:
        """Lets in those that wait, as far as there is room and time."""
        self._is_scheduled = False
        queue = self._queue
        if queue and not self._has_room(queue[0][0]):
            self._look_for_rest()
        is_first = True
        while queue and self._has_room(queue[0][0]) and (is_first or not self._turn.is_over()):
            _run(queue.popleft())
            is_first = False
        if queue:
            self._schedule()

    def _has_room(self, size: int) -> bool:
        """Returns whether an event can be added now. Begins the next cycle if that is possible."""
        ring = self._ring
        count, total = ring.last_sequence, ring.bytes_added + size
        if count < self._end_sequence and total <= self._end_bytes:
            return True
        if not self.busy and self._is_served():
            self._mark_safe(size)
            return True
        if count >= self._safe_sequence + ring.capacity or total > self._safe_bytes + ring.max_bytes:
            return False
        if self._turn.number == self._cycle_turn:
            return False
        self._begin_cycle(size)
        return True

    def _mark_safe(self, size: int) -> None:
        """Makes the newest event the safe point: no active subscriber needs it, or one before it."""
        self._safe_sequence, self._safe_bytes = self._ring.last_sequence, self._ring.bytes_added
        self._idle_turns = 0
        self._idle_seconds = 0.0
        self._begin_cycle(size)

    def _begin_cycle(self, size: int) -> None:
        """Begins a cycle that has room for an event of this size at least."""
        ring = self._ring
        self._cycle_turn = self._turn.number
        self._end_sequence = min(ring.last_sequence + self._cycle_events, self._safe_sequence + ring.capacity)
        end_bytes = min(ring.bytes_added + self._cycle_bytes, self._safe_bytes + ring.max_bytes)
        self._end_bytes = max(ring.bytes_added + size, end_bytes)

    def _look_for_rest(self) -> None:
        """Gives up the busy subscribers if they have rested for too long since the safe point."""
        now = monotonic()
        if self.steps == self._seen_steps and self._is_served():
            self._idle_turns += 1
            self._idle_seconds += now - self._looked_at
        self._seen_steps = self.steps
        self._looked_at = now
        if self._idle_turns > IDLE_TURNS and self._idle_seconds > IDLE_SECONDS:
            self.generation += 1
            self.busy = 0
            self._mark_safe(0)


def _run(waiting: _Waiting) -> None:
    """Runs an action that has waited for its turn."""
    _, future, action = waiting
    if future.done():  # its task was cancelled
        return
    try:
        future.set_result(action())
    except Exception as error:
        future.set_exception(error)
