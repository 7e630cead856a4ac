"""Events in this process's memory."""

import re
import secrets
from typing import Final

from jero.channels.event import Payload, Position, event_of
from jero.channels.ring import Ring
from jero.channels.store import ChannelUnavailable, EventLog, Page, Store

# A life of this store; or a time of Redis, where the channel was before.
_ID: Final = re.compile(r"([0-9a-f]{16}|0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})", re.ASCII)


class MemoryStore(Store):
    """Channels of one process: nothing to start, nothing kept beyond its end."""

    async def _open(self) -> None:
        """There is nothing to open."""

    async def _close(self) -> None:
        """There is nothing to close."""

    def _make_log(self, name: str, history: int) -> EventLog:
        return MemoryLog(history)


class MemoryLog(EventLog):
    """An id is `<life>-<number>`: the life is drawn anew for each channel in each process, so the id of another is
    never taken for a position in this one.
    """

    def __init__(self, history: int) -> None:
        self._life = secrets.token_hex(8)
        self._number = int(self._life, 16)
        super().__init__(Ring(history, (self._number, 0)))
        self.begin()

    def position_of(self, event_id: str) -> Position | None:
        match = _ID.fullmatch(event_id)
        if match is None:
            raise ValueError("it has not the form of one")
        if match[1] != self._life:
            return None
        position = (self._number, int(match[2]))
        if position > self.ring.top:
            raise ValueError("no event has had it yet")
        return position

    def id_of(self, position: Position) -> str:
        return f"{self._life}-{position[1]}"

    def newest(self) -> Position:
        return self.ring.top

    def position_at(self, moment: float) -> Position:
        return self._beginning

    async def append(self, payload: Payload, seconds: float) -> str:
        if self.is_closed:
            raise ChannelUnavailable("The store of the channel is closed.")
        position = (self._number, self.ring.top[1] + 1)
        event = event_of(payload, position, self.id_of(position))
        self.keep((event,))
        return event.id

    async def read_after(self, position: Position) -> Page:
        return Page(self.ring.floor, lost_until=self.ring.floor)
