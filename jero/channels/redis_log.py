"""A channel on Redis, as one process sees it: a stream that is the truth, and messages that say what is new in it."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from math import inf
from time import monotonic
from typing import Any, Final

from jero.channels.entry import EntryReader, NotAnEvent
from jero.channels.event import Event, Offset, Payload, make_event
from jero.channels.kind import KindOptions
from jero.channels.log import EventLog, Replay
from jero.channels.redis_access import READ, RedisAccess
from jero.channels.redis_identity import Identity
from jero.channels.ring import BATCH_BYTES, Ring, Turn
from jero.channels.store import ChannelUnavailable
from jero.channels.stream import (
    BEFORE,
    BEGINNING,
    EMPTY,
    NOTHING,
    Snapshot,
    Timeline,
    format_id,
    make_snapshot,
    offset_of,
    read_id,
    read_message,
    surely_kept,
)

# Theory of operation
# -------------------
#
# The stream is the truth. The script `APPEND` adds an entry, which names the entry before it, and publishes both as a
# message. A process listens to the messages of a channel from its first subscriber on, until the channel goes. A
# channel that is only published in is not listened to.
#
# The ring is a part of the stream without a hole. A message whose predecessor is the ring's newest entry is the next
# event, and is added at once. Any other message only says that something is to be read, and so does a lost connection.
# Then the stream is read from the ring's newest entry on, with its state, so that a gap is noticed:
#
# - The predecessor is another: messages were missed, or another program has added an entry.
# - There was no entry before, although the ring has events: the stream has expired, or was deleted, and is new.
# - The message is empty: another program has added an entry.
#
# The events of a page, and messages that come while the stream is read, wait in `_queue`. They are added at the pace of
# the subscribers: a task does that if it cannot be done at once, so that no channel waits for another. If too many
# messages wait, later ones are dropped, and the stream is read again.
#
# At first, Redis must have acknowledged that it sends messages. Then the newest entries are read: those since the
# moment at which somebody subscribed, or came back with an id.

PAGE_EVENTS: Final = 500
# How many of the kept events a channel loads at first, and how many messages wait, at most.
NEWEST_EVENTS: Final = 1_000
# How late the first read of a stream usually runs, at most. If it is later, subscribers read the stream themselves.
LATE_MILLISECONDS: Final = 100
# How many bytes of messages wait, at most.
QUEUE_BYTES: Final = 1024 * 1024


class RedisLog(EventLog):
    """A log in the Redis stream `key`. `options`: how much of it is kept.

    An entry has a field `data` with JSON, or `text`, and a field `event` with the type.
    """

    __slots__ = (
        "_access",
        "_appending",
        "_draining",
        "_entries",
        "_is_behind",
        "_is_listening",
        "_is_new",
        "_is_reading",
        "_listening_since",
        "_newest_stored",
        "_queue",
        "_queue_bytes",
        "_resumed",
        "_source",
        "_timeline",
        "is_doubtful",
        "is_unreadable",
        "key",
        "options",
    )

    def __init__(
        self, access: RedisAccess, key: str, name: str, options: KindOptions, turn: Turn, entries: EntryReader
    ) -> None:
        super().__init__(name, key, Ring(options.history, BEGINNING, options.history_bytes), turn)
        self.key = key
        self.options = options
        self._access = access
        self._entries = entries
        self._appending = 0
        self._newest_stored = BEGINNING
        # The stream did not exist when it was read last, so its first entry comes after the ring's newest.
        self._is_new = False
        # Redis may have lost acknowledged events, so the next snapshot is a gap.
        self.is_doubtful = False
        self.is_unreadable = False
        # Which Redis its messages came from last.
        self._source: Identity | None = None
        self._is_listening = False
        self._is_reading = False
        # After what is read or waits now, the stream is to be read again.
        self._is_behind = False
        # Entries and messages that wait, in order; an event in front waits for its turn.
        self._queue: deque[Any] | None = None
        self._queue_bytes = 0
        self._draining: asyncio.Task[None] | None = None
        self._resumed: Offset | None = None
        self._listening_since = 0.0
        # What is known of the time before the first snapshot.
        self._timeline = Timeline((BEGINNING,))

    def unused_until(self) -> float:
        if self.options.linger is None:
            return inf
        return (monotonic() if self._appending else self.used_at) + self.options.linger

    def offset_of(self, event_id: str) -> Offset | None:
        return read_id(event_id)

    def id_of(self, offset: Offset) -> str:
        return format_id(offset)

    def skip_to(self, gap_end: Offset) -> None:
        self._newest_stored = min(self._newest_stored, gap_end)
        super().skip_to(gap_end)

    def newest_offset(self) -> Offset:
        return max(self.ring.high_watermark, self._newest_stored)

    def earliest_offset(self) -> Offset:
        return self.ring.low_watermark if self.ring.low_watermark[1] == EMPTY else NOTHING

    async def settle(self, offset: Offset) -> Offset:
        if offset != NOTHING:
            return offset
        return make_snapshot(await self._access.run(READ, [self.key], ["0-0", 1, 1, ""])).start

    def last_id(self) -> str | None:
        newest = self.newest_offset()
        is_unseen = newest == BEGINNING or (self._is_new and newest == self.ring.high_watermark)
        return None if is_unseen else self.id_of(newest)

    async def append(self, payload: Payload, timeout_seconds: float) -> str:
        content = ["text" if payload.is_text else "data", payload.data]
        if payload.event is not None:
            content.append(payload.event)
        self._appending += 1
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._wait_until_ready()
                answer = await self._access.append(self.key, self.options, content)
        except TimeoutError:
            raise ChannelUnavailable("Redis did not store the event in time.") from self._access.last_error
        finally:
            self._appending -= 1
            self.used_at = monotonic()
        self._newest_stored = max(self._newest_stored, offset_of(answer))
        return answer.decode()

    async def _wait_until_ready(self) -> None:
        """Waits until subscribers that came before the event have their place. Raises an error if the log is closed."""
        while self._is_listening and not (self.is_ready or self.is_closed):
            await self.changed.wait()
        if self.is_closed:
            raise ChannelUnavailable("The store of the channel is closed.")

    async def replay(self, offset: Offset) -> Replay:
        if self.lost_up_to is not None and BEGINNING < offset < self.lost_up_to:
            return Replay(offset, gap_end=self.lost_up_to)
        arguments: list[str | int] = [self.id_of(max(offset, BEGINNING)), PAGE_EVENTS, BATCH_BYTES, ""]
        snapshot = make_snapshot(await self._access.run(READ, [self.key], arguments))
        if not snapshot.exists:
            return await self._replay_nothing(offset, snapshot)
        if not snapshot.entries and (offset == NOTHING or (offset[1] == BEFORE and offset > snapshot.last)):
            return Replay(snapshot.last)
        gap_end = None if offset == NOTHING else snapshot.gap_after(offset, self.options.keep)
        if gap_end is not None:
            return Replay(gap_end, gap_end=gap_end)
        events = list(self.decode(snapshot.entries))
        if not events and offset > self.ring.high_watermark and not self.is_closed:
            await self.changed.wait()  # the id is from a process that has read further than this one
        return Replay(offset_of(snapshot.entries[-1][0]) if snapshot.entries else offset, events)

    async def _replay_nothing(self, offset: Offset, snapshot: Snapshot) -> Replay:
        """Returns what follows an offset if the stream does not exist: a gap up to the first entry it will have."""
        if self._is_new:
            start = self.ring.high_watermark
            is_gap = offset != NOTHING and snapshot.gap_after(offset, self.options.keep) is not None
            return Replay(start, gap_end=start if is_gap else None)
        self._read_again()  # the ring is of an earlier stream
        await self.changed.wait()
        return Replay(offset)

    def decode(self, entries: Iterable[Any]) -> Iterator[Event]:
        """Yields the events of the entries. Skips an entry that is not an event, and logs it once."""
        for entry_id, fields in entries:
            event = self._decode(entry_id, fields)
            if event is not None:
                yield event

    def _decode(self, entry_id: bytes, fields: Sequence[bytes]) -> Event | None:
        try:
            payload = self._entries.read(fields)
        except NotAnEvent as error:
            self.report(entry_id.decode(), f"is not an event: {error}")
            return None
        return make_event(payload, offset_of(entry_id), entry_id.decode())

    # How the ring follows the stream

    def listen(self, resumed: Offset | None = None) -> None:
        """Begins to follow the stream, unless it does already.

        The first subscriber loads what came after its offset, so that others that come back with it find it in the
        ring.
        """
        if self._is_listening or self.is_closed:
            return
        self._is_listening = True
        self._listening_since = monotonic()
        self._resumed = resumed
        self._access.listen(self)

    def go(self) -> None:
        super().go()
        self._stop()

    def close(self) -> None:
        super().close()
        self._stop()

    def _stop(self) -> None:
        if self._is_listening:
            self._access.ignore(self)
        if self._draining is not None:
            self._draining.cancel()

    def on_subscribed(self, source: Identity) -> None:
        """Reads the stream, because this Redis sends its messages from now on."""
        self._source = self._compare(source)
        self._read_again()

    def on_handed_over(self, source: Identity, heir: Identity) -> None:
        """Notes that the heir has the stream now. What this Redis has lost before is missing there, too."""
        if self._source is not None:
            self._source = self._compare(source).handed_over(heir)

    def _compare(self, source: Identity) -> Identity:
        """Returns the identity of a Redis that has the stream now. Notes if it may not have all that was before."""
        if self._source is None or self._source is source:
            return source
        self.is_doubtful = self.is_doubtful or not source.has_all_of(self._source)
        return source.after(self._source)

    def on_away(self, seconds: float) -> None:
        """Notes that messages may have been missed for so long. A stream may have begun and expired meanwhile."""
        if self._is_new and seconds >= surely_kept(self.options.keep):
            self.is_doubtful = True

    def on_message(self, message: bytes) -> None:
        """Adds the event of a message, or has the stream read."""
        if self._is_reading or self._draining is not None:
            self._hold(message)
            return
        try:
            event = self._read_message(message)
            if event is not None and self.pace.must_wait(event.size):
                self._queue = deque([event])
                self._start_draining()
            elif event is not None:
                self.add(event)
        except Exception as error:
            self._recover(error)

    def _hold(self, message: bytes) -> None:
        """Keeps a message for later. If there are too many, drops it, and has the stream read again."""
        size = len(message)
        if self._queue is None:
            self._queue = deque()
        is_full = len(self._queue) >= NEWEST_EVENTS or self._queue_bytes + size > QUEUE_BYTES
        if self._queue and is_full:
            self._is_behind = True
            return
        self._queue.append(message)
        self._queue_bytes += size

    def lose_track(self) -> None:
        """Drops what waits. The next snapshot is a gap."""
        self._queue = None
        self._queue_bytes = 0
        self.is_doubtful = True

    def _recover(self, error: Exception) -> None:
        """Goes on with a gap after an error, which is logged: other channels share the task."""
        self.report_fault(error)
        self.lose_track()
        self._read_again()

    def read_arguments(self, max_bytes: int) -> list[str | int]:
        """Returns the arguments of the script `READ` for the next snapshot, which has about `max_bytes` at most."""
        if self.is_ready:
            after = "0-0" if self._is_new else self.id_of(self.ring.high_watermark)
            return [after, PAGE_EVENTS, max_bytes, ""]
        after = "" if self._resumed is None else self.id_of(self._resumed)
        age = int((monotonic() - self._listening_since) * 1_001) + LATE_MILLISECONDS
        return [after, min(self.options.history, NEWEST_EVENTS), min(self.options.history_bytes, max_bytes), age]

    def take(self, snapshot: Snapshot) -> None:
        """Adds what is new in the stream. Sends a gap first if some of it is missing."""
        self._is_reading = False
        if self.is_closed or self.is_gone:
            return
        if not self.is_ready:
            self._load(snapshot)
        else:
            self._catch_up(snapshot)
        self._advance()

    def _load(self, snapshot: Snapshot) -> None:
        """Fills the ring with the newest entries, which `snapshot` lists newest first, and makes the log ready."""
        entries = snapshot.entries[::-1]
        offsets = [offset_of(entry_id) for entry_id, _ in entries]
        before = snapshot.start
        self.ring.restart(before)
        self._is_new = not snapshot.exists
        self.is_doubtful = False
        ids_are_times = snapshot.last[0] <= snapshot.milliseconds  # else the ids are not from this Redis's clock
        known = [before, *offsets] if ids_are_times else [before, *offsets][-1:]
        is_cut = snapshot.exists or monotonic() - self._listening_since >= surely_kept(self.options.keep)
        self._timeline = Timeline(known, snapshot.milliseconds, monotonic(), is_cut and ids_are_times)
        self.ingest(self.decode(entries))
        self.ring.high_watermark = max(self.ring.high_watermark, snapshot.last)
        self.mark_ready()

    def offset_at(self, moment: float) -> Offset:
        return self._timeline.at(moment)

    def _catch_up(self, snapshot: Snapshot) -> None:
        """Queues the entries after the ring's newest one. Sends a gap first if some of them are missing."""
        was_new, self._is_new = self._is_new, not snapshot.exists
        if self.is_doubtful:
            self.is_doubtful = False
            self.lost_up_to = snapshot.last
            self.skip_to(snapshot.last)
            return
        if was_new and self._is_new:
            self.changed.notify()
            return
        gap_end = snapshot.gap_after(BEGINNING if was_new else self.ring.high_watermark)
        if gap_end is not None:
            self.skip_to(gap_end)
        entries = [entry for entry in snapshot.entries if gap_end is None or offset_of(entry[0]) > gap_end]
        self._is_behind = self._is_behind or snapshot.has_more
        if entries:
            self._queue = deque([*entries, *(self._queue or ())])
        self.changed.notify()

    # How what is new gets into the ring

    def _advance(self) -> None:
        """Adds what waits, as far as the subscribers keep up. A task does the rest."""
        while self._queue and not self._is_reading:
            event = self._next()
            if event is None:
                continue
            if self.pace.must_wait(event.size):
                self._queue.appendleft(event)
                self._start_draining()
                return
            self.add(event)
        self._end_of_queue()

    def _start_draining(self) -> None:
        self._draining = asyncio.get_running_loop().create_task(self._drain(), name=f"events of {self.key}")

    async def _drain(self) -> None:
        """Adds what waits, at the pace of the subscribers."""
        try:
            while self._queue and not self._is_reading:
                event = self._next()
                if event is None:
                    continue
                if self.pace.must_wait(event.size):
                    await self.pace.wait(event.size, _do_nothing)
                self.add(event)
        except Exception as error:
            self._recover(error)
        self._draining = None
        self._end_of_queue()

    def _end_of_queue(self) -> None:
        if not self._queue:
            self._queue = None
        if self._is_behind and not self._is_reading:
            self._read_again()

    def _next(self) -> Event | None:
        """Returns the event that waits first. Returns `None` if it is not one, or not the next one."""
        first = self._queue.popleft() if self._queue else None
        if isinstance(first, Event):
            return first
        if isinstance(first, bytes):
            self._queue_bytes -= len(first)
            return self._read_message(first)
        return None if first is None else self._found(*first)

    def _read_message(self, content: bytes) -> Event | None:
        message = read_message(content)
        newest = self.ring.high_watermark
        if message is not None:
            is_first = self._is_new and message.after == NOTHING and message.offset > newest
            if is_first or (message.after == newest and not self._is_new):
                self._is_new = False
                return self._found(message.entry_id, message.fields)
            if message.offset <= newest and message.after != NOTHING:  # it was read before
                return None
        self._read_again()
        return None

    def _found(self, entry_id: bytes, fields: Sequence[bytes]) -> Event | None:
        """Returns the event of the next entry of the stream. Passes over an entry that is not an event."""
        event = self._decode(entry_id, fields)
        if event is None:
            self.ring.high_watermark = offset_of(entry_id)
        return event

    def _read_again(self) -> None:
        """Has the stream read: now, or after what waits."""
        self._is_behind = True
        if not self._is_reading and self._draining is None:
            self._is_behind = False
            self._is_reading = True
            self._access.read_soon(self)


def _do_nothing() -> None:
    """Does nothing: the task adds the event, once it has its turn."""
