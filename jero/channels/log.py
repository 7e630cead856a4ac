"""A channel in this process: adds the newest events to its ring, and serves the subscribers that wait for more."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Final, Protocol

from msgspec import Struct

from jero.channels.event import Event, Offset, Payload, make_gap
from jero.channels.ring import TURN_SECONDS, Batch, Pace, Ring, Turn

# Theory of operation
# -------------------
#
# From publish to the subscribers. `Channel.publish` encodes the data and awaits `EventLog.append`. In memory, that
# makes the event and calls `add`. On Redis, it only stores the event: each process reads all new events back, its own
# among them, and its reader task calls `add`. So the store alone decides the order of events. Both let the log's `pace`
# decide when: ring.py says why.
# `add` appends the event to the ring and schedules `_serve` for the end of the event loop's turn. `_serve` gives each
# waiting subscriber the batch of all events after its place. Events that are published in one turn leave together.
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
# then get the newer events in the same batch. The pace of the channel leaves them time for that. If many events come
# at once nevertheless, `flush_oldest` serves the group that still needs an event before the ring evicts it: a
# subscriber that waits never misses an event. A subscriber that does not wait, because its client is slow, holds no
# events. It falls behind alone, and the ring stays within its capacity and its bytes.
#
# Look before wait. One event loop runs all of this, so it needs no locks. A task that waits looks first, at the ring
# or at `is_ready` and `is_closed`, and then waits without an `await` in between. So no change is missed, and a
# notification that nobody waits for can be forgotten. After the wait the task looks again.
#
# Whose task. `ingest`, `skip_to` and `close` run in the store's reader task or in the task that closes the store. `add`
# runs in the task that publishes, in the store's reader task, or in a callback of the event loop. `_serve` runs in such
# a callback. `deliver` and `receive` are called from there: they must not raise, wait or run the subscriber's own code.
# `deliver` sends for a stream whose task waits; if it cannot send at once, it returns False. `receive` then wakes the
# task with the same batch.

logger = logging.getLogger("jero.channels")

# How many events that were skipped a log remembers, so that each is logged once.
REMEMBERED_SKIPS: Final = 10_000
# How many subscribers are served between two looks at the clock.
SERVED_PER_LOOK: Final = 16


class Counters:
    """Counts for `ChannelStatistics`, kept up to date in this process."""

    __slots__ = ("delivered", "gaps", "published", "subscribers")

    def __init__(self) -> None:
        self.subscribers = 0
        self.published = 0
        self.delivered = 0
        self.gaps = 0

    def add(self, other: "Counters") -> None:
        """Adds what another has counted."""
        self.subscribers += other.subscribers
        self.published += other.published
        self.delivered += other.delivered
        self.gaps += other.gaps


class Notifier:
    """Wakes all tasks that wait at that moment. A task looks before it waits, without an `await` in between."""

    __slots__ = ("_next",)

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

    __slots__ = ("_counters", "_groups", "_is_scheduled", "_loop", "_ring", "_turn")

    def __init__(self, ring: Ring, counters: Counters, turn: Turn) -> None:
        self._ring = ring
        self._counters = counters
        self._turn = turn
        self._groups: dict[int, dict[WaitingSubscriber, None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_scheduled = False

    def is_served(self) -> bool:
        """Returns whether all subscribers that wait have every event of the ring. If not, serves them soon."""
        groups = self._groups
        if not groups or (len(groups) == 1 and self._ring.last_sequence in groups):
            return True
        self.schedule()
        return False

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
        if self._groups and not self._is_scheduled:
            self._is_scheduled = True
            self._turn.at_end(self._serve)

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
        groups, ring = self._groups, self._ring
        while self._serve_some():
            if len(groups) == 1 and ring.last_sequence in groups:  # all are served
                return
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
        group, end = groups[sequence], self._ring.end  # the end wakes the task of a subscriber, which ends after it
        served = groups.setdefault(batch.sequence, {})
        delivered = 0
        for _ in range(min(SERVED_PER_LOOK, len(group))):
            subscriber, _ = group.popitem()
            deliver = subscriber.deliver
            if deliver is not None and batch is not end and deliver(batch):
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

    `name`: the name of the channel; `title`: how log messages name it. `ring`: the newest events. `waiting`: the
    subscribers that wait for the next event. `pace`: says when the next event may be added. `changed`: notifies after
    every change of the ring, of `is_ready` and of `is_closed`. `is_ready`: the store has answered, so the ring is
    valid. `is_closed`: no more events will come. `is_gone`: the process has let the channel go; a log of the same name
    that is opened later is another. `used_at`: when a subscriber left last, or an event was published. `lost_up_to`:
    the store may have lost events up to this offset, so each subscriber that was there gets a gap; another object each
    time.

    `on_unused`: called when the last subscriber has left. `is_watched`: it was called, and the log is looked at later.
    `on_gone`: called when the process lets the channel go.
    """

    __slots__ = (
        "_initial_offset",
        "_skipped",
        "changed",
        "counters",
        "is_closed",
        "is_gone",
        "is_ready",
        "is_watched",
        "lost_up_to",
        "name",
        "on_gone",
        "on_unused",
        "pace",
        "ring",
        "title",
        "used_at",
        "waiting",
    )

    def __init__(self, name: str, title: str, ring: Ring, turn: Turn) -> None:
        self.name = name
        self.title = title
        self.ring = ring
        self.counters = Counters()
        self.waiting = WaitingSubscribers(ring, self.counters, turn)
        self.pace = Pace(ring, self.waiting.is_served, turn)
        ring.before_eviction = self.waiting.flush_oldest
        self.changed = Notifier()
        self._initial_offset = ring.high_watermark
        self._skipped: dict[str, None] | None = None
        self.is_ready = False
        self.is_closed = False
        self.is_gone = False
        self.is_watched = False
        self.lost_up_to: Offset | None = None
        self.used_at = monotonic()
        self.on_unused: Callable[[EventLog], None] | None = None
        self.on_gone: Callable[[EventLog], None] | None = None

    def join(self) -> None:
        """Counts a subscriber."""
        self.counters.subscribers += 1

    def leave(self) -> None:
        """Counts a subscriber no more."""
        self.counters.subscribers -= 1
        if not self.counters.subscribers:
            self.used_at = monotonic()
            if self.on_unused is not None:
                self.on_unused(self)

    @abstractmethod
    def listen(self, resumed: Offset | None = None) -> None:
        """Begins to follow the store, if that is elsewhere. `resumed`: the offset of the subscriber, if it has one."""

    @abstractmethod
    def unused_until(self) -> float:
        """Returns the moment of `time.monotonic` at which the log may go if nobody uses it until then, or infinity."""

    def go(self) -> None:
        """Lets the channel go, because nobody uses it."""
        self.is_gone = True
        self.ring.before_eviction = None  # else the ring and what serves it refer to each other
        if self.on_gone is not None:
            self.on_gone(self)
        self.changed.notify()

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
    def earliest_offset(self) -> Offset:
        """Returns the offset before the oldest event that the store keeps."""

    async def settle(self, offset: Offset) -> Offset:
        """Returns the same place as an offset that will never be another place. May have to read the store."""
        return offset

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

    def report(self, event_id: str, fault: str) -> None:
        """Logs an event that is skipped, once."""
        if self._skipped is None:
            self._skipped = {}
        if event_id not in self._skipped:
            self._skipped[event_id] = None
            if len(self._skipped) > REMEMBERED_SKIPS:
                del self._skipped[next(iter(self._skipped))]
            logger.warning("%s: %s %s. It is skipped.", self.title, event_id, fault)

    def report_fault(self, error: Exception) -> None:
        """Logs an error of jero itself, with its traceback."""
        logger.error("%s: an event could not be added", self.title, exc_info=error)

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
            self.ring.append(event)
        self.waiting.schedule()
        self.changed.notify()

    def add(self, event: Event) -> None:
        """Adds the newest event, and schedules the subscribers."""
        self.ring.append(event)
        self.waiting.schedule()
        self.changed.notify()

    def finish(self, end: Batch) -> None:
        """Adds the last event, which is alone in its batch. Subscribers end after it."""
        self.ring.finish(end)
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
        self.pace.close()
        self.waiting.flush()
        self.waiting.close()
        self.changed.notify()
