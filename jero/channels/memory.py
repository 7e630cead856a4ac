"""Keeps the events of channels in this process's memory."""

import re
import secrets
from functools import partial
from typing import Any, Final

from jero.channels.event import Offset, Payload, make_event
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

    def _make_log(self, name: str, history: int, history_bytes: int) -> EventLog:
        return MemoryLog(history, history_bytes, self._turn, name)


class MemoryLog(EventLog):
    """A log whose ids are `<run>-<number>`.

    `run` is random for each channel in each process, so that an id from another process or channel never looks like
    an id of this log.
    """

    def __init__(
        self, history: int, history_bytes: int = HISTORY_BYTES, turn: Turn | None = None, name: str = ""
    ) -> None:
        self._run = secrets.token_hex(8)
        self._run_number = int(self._run, 16)
        super().__init__(name, Ring(history, (self._run_number, 0), history_bytes), turn)
        self.mark_ready()

    def accept(self, type_: Any) -> None:
        """Does nothing: only this process adds events."""

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
        return event.id

    async def replay(self, offset: Offset) -> Replay:
        oldest = self.ring.low_watermark
        return Replay(oldest, gap_end=oldest)
