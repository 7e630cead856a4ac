"""Maps a channel to a Redis stream: its ids, its entries, and which events are missing between two of them."""

import asyncio
import re
import secrets
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from math import inf
from time import monotonic
from typing import Any, Final

from msgspec import Struct

from jero.channels.entry import OWN, EntryReader, NotAnEvent
from jero.channels.event import Event, Offset, Payload, make_event
from jero.channels.kind import KindOptions
from jero.channels.log import EventLog, Replay
from jero.channels.ring import BATCH_BYTES, HISTORY_BYTES, Ring, Turn
from jero.channels.store import ChannelUnavailable

# Lua scripts, which Redis runs in one step, without a command of another client in between.
PUBLISH: Final = files("jero.channels").joinpath("publish.lua").read_text("utf-8")
READ: Final = files("jero.channels").joinpath("read.lua").read_text("utf-8")

PAGE_EVENTS: Final = 500
# The size of a page of new entries at most, unless its first entry is larger.
PAGE_BYTES: Final = 1024 * 1024
# How many of the kept events a channel loads at first, and how many bytes of them, at most.
NEWEST_EVENTS: Final = 1_000
NEWEST_BYTES: Final = HISTORY_BYTES
BEGINNING: Final[Offset] = (0, 0)
# Before every event, whatever was dropped.
EARLIEST: Final[Offset] = (-1, -1)
# How long Redis remembers an event's token. A repeated command that arrives later would store the event twice.
TOKEN_MILLISECONDS: Final = 60_000
_TOKENS_PER_DELETE: Final = 32
_LARGEST: Final = 2**64 - 1
_ID: Final = re.compile(r"(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})", re.ASCII)
# The id of a memory store, in case the channel was there before.
_MEMORY_ID: Final = re.compile(r"[0-9a-f]{16}-(0|[1-9][0-9]{0,18})", re.ASCII)


class ScriptRunner(ABC):
    """Runs scripts on Redis, and retries until Redis answers.

    `failures`: how many attempts have failed so far. `last_error`: why the last of them failed.
    """

    failures: int = 0
    last_error: Exception | None = None

    @abstractmethod
    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """Returns the result of a script. Waits as long as Redis does not answer."""


class Snapshot(Struct, frozen=True):
    """The state of a stream at one moment, and some of its entries after an offset.

    `last`: the offset of the last entry ever added. `first`: the offset of the first entry that is kept; `None` if the
    stream is empty. `is_complete`: no entry was ever dropped. `has_entry`: the stream has an entry at the given offset.
    `milliseconds`: the time of Redis's clock. `has_more`: the stream may have more entries than those.
    """

    last: Offset = BEGINNING
    first: Offset | None = None
    is_complete: bool = True
    has_entry: bool = False
    entries: Sequence[Any] = ()
    milliseconds: int = 0
    has_more: bool = False

    def gap_after(self, offset: Offset) -> Offset | None:
        """Returns where the gap after the given offset ends, or `None` if no entry after it is missing."""
        before_first = self.last if self.first is None else just_before(self.first)
        if offset >= self.last:
            return None if offset == self.last else self.last
        if self.has_entry or offset == before_first or (offset == BEGINNING and self.is_complete):
            return None
        if offset < before_first:
            return before_first
        # Redis had this entry and has lost it. It may have lost the following entries too, up to the next kept one.
        gap_end = just_before(_offset(self.entries[0][0])) if self.entries else self.last
        return None if offset == gap_end else gap_end


class RedisLog(EventLog):
    """A log in a Redis stream. An entry has a field `data` with JSON, or `text`, and a field `event` with the type.

    `key`: the key of the stream. `history`: how many events it keeps at least. `history_bytes`: how many bytes of them
    this process keeps at most.
    """

    def __init__(
        self,
        scripts: ScriptRunner,
        key: str,
        name: str,
        options: KindOptions,
        turn: Turn,
        entries: EntryReader,
    ) -> None:
        self.key = key
        super().__init__(name, key, Ring(options.history, BEGINNING, options.history_bytes), turn)
        self.history = options.history
        self._scripts = scripts
        self._token_prefix = f"{key}:stored:"
        # Tokens of events whose scripts cannot run again. The next publications delete them.
        self._finished_tokens: deque[str] = deque(maxlen=1_000)
        self._newest_stored = BEGINNING
        self._entries = entries
        self._made_at = self._loaded_at = monotonic()
        self._clock = 0
        # The newest offset when this log was made, and the offsets of later events, up to the first answer of Redis.
        self._early_offsets = [BEGINNING]

    def unused_until(self) -> float:
        return inf

    def offset_of(self, event_id: str) -> Offset | None:
        match = _ID.fullmatch(event_id)
        if match is None and _MEMORY_ID.fullmatch(event_id):
            return None
        offset = (int(match[1]), int(match[2])) if match else (_LARGEST, _LARGEST)
        if max(offset) > _LARGEST or offset == (_LARGEST, _LARGEST):
            raise ValueError("it is malformed")
        return offset

    def id_of(self, offset: Offset) -> str:
        return f"{offset[0]}-{offset[1]}"

    def newest_offset(self) -> Offset:
        return max(self.ring.high_watermark, self._newest_stored)

    async def append(self, payload: Payload, timeout_seconds: float) -> str:
        name = "text" if payload.is_text else "data"
        arguments: list[str | bytes | int] = [self.history, TOKEN_MILLISECONDS, name, payload.data, *OWN]
        if payload.event is not None:
            arguments += ["event", payload.event]
        token = f"{self._token_prefix}{secrets.token_hex(16)}"
        finished = self._finished_tokens
        failures = self._scripts.failures
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._wait_until_ready()
                deletable = [finished.popleft() for _ in range(min(_TOKENS_PER_DELETE, len(finished)))]
                answer: bytes = await self._scripts.run(PUBLISH, [self.key, token, *deletable], arguments)
        except TimeoutError:
            raise ChannelUnavailable("Redis did not store the event in time.") from self._scripts.last_error
        if failures == self._scripts.failures:  # the script ran once, so no copy of it can arrive later
            finished.append(token)
        event_id = answer.decode()
        self._newest_stored = max(self._newest_stored, _offset(answer))
        return event_id

    async def replay(self, offset: Offset) -> Replay:
        is_earliest = offset == EARLIEST
        arguments: list[str | int] = [self.id_of(max(offset, BEGINNING)), PAGE_EVENTS, BATCH_BYTES]
        snapshot = make_snapshot(await self._scripts.run(READ, [self.key], arguments))
        if is_earliest and not snapshot.entries:
            return Replay(snapshot.last)
        gap_end = None if is_earliest else snapshot.gap_after(offset)
        if gap_end is not None:
            return Replay(gap_end, gap_end=gap_end)
        events = list(self.decode(snapshot.entries))
        if not events and offset > self.ring.high_watermark and not self.is_closed:
            await self.changed.wait()  # the id is from a process that has read further than this one
        return Replay(_offset(snapshot.entries[-1][0]) if snapshot.entries else offset, events)

    def load(self, snapshot: Snapshot) -> None:
        """Fills the ring with the newest entries, which `snapshot` lists newest first, and makes the log ready."""
        entries = snapshot.entries[::-1]
        offsets = [_offset(entry_id) for entry_id, _ in entries]
        self.ring.restart(just_before(offsets[0]) if offsets else snapshot.last)
        self._clock, self._loaded_at = snapshot.milliseconds, monotonic()
        known = [self.ring.low_watermark, *offsets]
        ids_are_times = snapshot.last[0] <= snapshot.milliseconds  # else the ids are not from this Redis's clock
        self._early_offsets = known[self._last_before(self._made_at, known) :] if ids_are_times else known[-1:]
        self.ingest(self.decode(entries))
        self.ring.high_watermark = max(self.ring.high_watermark, snapshot.last)
        self.mark_ready()

    def earliest_offset(self) -> Offset:
        return EARLIEST

    def offset_at(self, moment: float) -> Offset:
        return self._early_offsets[self._last_before(moment, self._early_offsets)]

    def _last_before(self, moment: float, offsets: Sequence[Offset]) -> int:
        """Returns the index of the last offset that is surely not after the moment, or 0 if all may be after it.

        The first number of an offset is the time of Redis's clock in milliseconds. Two clocks drift apart by less than
        one part in a thousand, and the numbers are rounded, so the moment is taken a little earlier.
        """
        milliseconds_ago = (self._loaded_at - moment) * 1_000
        latest = self._clock - int(milliseconds_ago * 1.001) - 2
        return max(bisect_left(offsets, (latest, 0)) - 1, 0)

    async def catch_up(self, snapshot: Snapshot) -> None:
        """Adds the entries after the high watermark. Sends a gap first if some of them are missing."""
        gap_end = snapshot.gap_after(self.ring.high_watermark)
        if gap_end is not None:
            self._newest_stored = min(self._newest_stored, gap_end)
            self.skip_to(gap_end)
        await self.ingest_entries([entry for entry in snapshot.entries if _offset(entry[0]) > self.ring.high_watermark])

    async def ingest_entries(self, entries: Sequence[Any]) -> None:
        """Adds the next entries of the stream, at the pace of the subscribers."""
        for event in self.decode(entries):
            if self.pace.must_wait(event.size):
                await self.pace.wait(event.size, _do_nothing)
            self.add(event)
        if entries:
            self.ring.high_watermark = _offset(entries[-1][0])

    def decode(self, entries: Iterable[Any]) -> Iterator[Event]:
        """Yields the events of the entries. Skips an entry that is not an event, and logs it once."""
        for entry_id, fields in entries:
            try:
                payload = self._entries.read(fields)
            except NotAnEvent as error:
                self.report(entry_id.decode(), f"is not an event: {error}")
            else:
                yield make_event(payload, _offset(entry_id), entry_id.decode())

    async def _wait_until_ready(self) -> None:
        while not (self.is_ready or self.is_closed):
            await self.changed.wait()
        if self.is_closed:
            raise ChannelUnavailable("The store of the channel is closed.")


def just_before(offset: Offset) -> Offset:
    """Returns the largest offset that is less than the given one."""
    milliseconds, number = offset
    if number:
        return milliseconds, number - 1
    return (milliseconds - 1, _LARGEST) if milliseconds else BEGINNING


def make_snapshot(answer: list[Any]) -> Snapshot:
    """Returns the answer of the script `READ` as a snapshot."""
    if not answer:
        return Snapshot()
    last, first, is_complete, has_entry, entries, milliseconds, has_more = answer
    return Snapshot(
        last=_offset(last),
        first=_offset(first) if first else None,
        is_complete=bool(is_complete),
        has_entry=bool(has_entry),
        entries=entries,
        milliseconds=milliseconds,
        has_more=bool(has_more),
    )


def _do_nothing() -> None:
    """Does nothing: the reader's task adds the event, once it has its turn."""


def _offset(entry_id: bytes) -> Offset:
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)
