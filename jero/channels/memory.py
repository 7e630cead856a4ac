"""Keeps the events of channels in this process's memory."""

import re
import secrets
from functools import partial
from math import inf
from time import monotonic
from typing import Final

from jero.channels.event import Offset, Payload, make_event
from jero.channels.kind import Kind
from jero.channels.log import EventLog, Replay
from jero.channels.ring import HISTORY_BYTES, Ring, Turn
from jero.channels.store import ChannelUnavailable, Store

# The id of a memory log, or of Redis, in case the channel was there before.
_ID: Final = re.compile(r"([0-9a-f]{16}|0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})", re.ASCII)


class MemoryStore(Store):
    """Channels of one process. It needs no other program, and keeps nothing when the process ends."""

    async def _open(self) -> None:
        """Does nothing."""

    async def _close(self) -> None:
        """Does nothing."""

    def _make_log(self, kind: Kind, name: str) -> EventLog:
        options = kind.options
        log = MemoryLog(options.history, options.history_bytes, self.turn, name)
        log.keep, log.linger = options.keep, options.linger
        return log


class MemoryLog(EventLog):
    """A log whose ids are `<run>-<number>`. Its ring is all that keeps the events.

    `run` is random for each log unless it is given, so that an id from another process, of another channel, or from
    before the process let the channel go never looks like an id of this log. `keep`, `linger`: for how many seconds it
    stays after the last event, and after the last use; `None` if for ever.
    """

    __slots__ = ("_published_at", "_run", "_run_number", "keep", "linger")

    def __init__(
        self,
        history: int,
        history_bytes: int = HISTORY_BYTES,
        turn: Turn | None = None,
        name: str = "",
        run: str | None = None,
    ) -> None:
        self._run = secrets.token_hex(8) if run is None else run
        self._run_number = int(self._run, 16)
        self.keep: float | None = None
        self.linger: float | None = None
        self._published_at: float | None = None
        super().__init__(name, name, Ring(history, (self._run_number, 0), history_bytes), turn or Turn())
        self.mark_ready()

    def unused_until(self) -> float:
        if self.linger is None:
            return inf
        if self.pace.has_waiting():
            return monotonic() + self.linger
        until = self.used_at + self.linger
        if self._published_at is None:
            return until
        return inf if self.keep is None else max(until, self._published_at + self.keep)

    def listen(self, resumed: Offset | None = None) -> None:
        """Does nothing: this process is the store."""

    def offset_of(self, event_id: str) -> Offset | None:
        match = _ID.fullmatch(event_id)
        if match is None:
            raise ValueError("it is malformed")
        if match[1] != self._run:
            return None
        offset = (self._run_number, int(match[2]))
        if offset > self.ring.high_watermark:
            raise ValueError("it is newer than the newest event")
        return offset

    def id_of(self, offset: Offset) -> str:
        return f"{self._run}-{offset[1]}"

    def newest_offset(self) -> Offset:
        return self.ring.high_watermark

    def earliest_offset(self) -> Offset:
        return self.ring.low_watermark

    def offset_at(self, moment: float) -> Offset:
        return self._initial_offset

    async def append(self, payload: Payload, timeout_seconds: float) -> str:
        size = payload.size_of_event()
        if self.pace.must_wait(size):
            event_id: str = await self.pace.wait(size, partial(self._add, payload))
            return event_id
        return self._add(payload)

    def _add(self, payload: Payload) -> str:
        if self.is_closed:
            raise ChannelUnavailable("The store of the channel is closed.")
        offset = (self._run_number, self.ring.high_watermark[1] + 1)
        event = make_event(payload, offset, self.id_of(offset))
        self.add(event)
        self.used_at = self._published_at = monotonic()
        return event.id

    async def replay(self, offset: Offset) -> Replay:
        oldest = self.ring.low_watermark
        return Replay(oldest, gap_end=oldest)
