"""A channel in a Redis stream: its ids, its entries, and what is missing between two of them."""

import asyncio
import logging
import re
import secrets
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import Any, Final

from msgspec import Struct

from jero.channels.event import GAP, Event, Payload, Position, event_of
from jero.channels.lua import PUBLISH, READ
from jero.channels.ring import Ring
from jero.channels.store import ChannelUnavailable, EventLog, Page

logger = logging.getLogger("jero.channels")

PAGE_EVENTS: Final = 500
BEGINNING: Final[Position] = (0, 0)
# How long Redis remembers what it has stored for whom: a copy of a command may be late by so much.
TOKEN_MILLISECONDS: Final = 60_000
_SETTLED_AT_ONCE: Final = 32
_LARGEST: Final = 2**64 - 1
_ID: Final = re.compile(r"(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})", re.ASCII)
# What a memory store gave, where the channel was before.
_MEMORY_ID: Final = re.compile(r"[0-9a-f]{16}-(0|[1-9][0-9]{0,18})", re.ASCII)


class Commands(ABC):
    """A connection to Redis that is there again when it was lost.

    `failures`: how many attempts have failed so far. `fault`: why the last of them did.
    """

    failures: int = 0
    fault: Exception | None = None

    @abstractmethod
    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """What the script gives, as soon as Redis answers: it is tried again until then."""


class Reading(Struct, frozen=True):
    """The state of a stream at one moment, and what it holds after a position.

    `last`, `first`: its last position, and that of its first entry. `is_whole`: nothing was ever dropped from it.
    `is_there`: it holds an entry at the position. `milliseconds`: the time of Redis's clock.
    """

    last: Position = BEGINNING
    first: Position | None = None
    is_whole: bool = True
    is_there: bool = False
    entries: Sequence[Any] = ()
    milliseconds: int = 0

    def lost_until(self, position: Position) -> Position | None:
        """Where what came after `position` begins to be there again; `None`: it is all there."""
        oldest = self.last if self.first is None else before(self.first)
        if position >= self.last:
            return None if position == self.last else self.last
        if self.is_there or position == oldest or (position == BEGINNING and self.is_whole):
            return None
        if position < oldest:
            return oldest
        # Its entry was there and is not any more: Redis has lost some, and which others is not known.
        resumed_at = before(_position(self.entries[0][0])) if self.entries else self.last
        return None if position == resumed_at else resumed_at


class RedisLog(EventLog):
    """Events are entries with a field `data`, of JSON, or `text`, and a field `event` where they have a type.

    `key`: the stream's. `history`: it keeps at least so many.
    """

    def __init__(self, commands: Commands, prefix: str, name: str, history: int) -> None:
        super().__init__(Ring(history, BEGINNING))
        self.key = f"{prefix}channel:{name}"
        self.history = history
        self._commands = commands
        self._token_prefix = f"{prefix}stored:"
        self._settled: deque[str] = deque(maxlen=1_000)
        self._stored = BEGINNING
        self._made_at = self._began_at = monotonic()
        self._clock = 0
        # Where it stood from its making until its beginning: the last position before, and those in between.
        self._stood = [BEGINNING]

    def position_of(self, event_id: str) -> Position | None:
        match = _ID.fullmatch(event_id)
        if match is None and _MEMORY_ID.fullmatch(event_id):
            return None
        position = (int(match[1]), int(match[2])) if match else (_LARGEST, _LARGEST)
        if max(position) > _LARGEST or position == (_LARGEST, _LARGEST):
            raise ValueError("it has not the form of one")
        return position

    def id_of(self, position: Position) -> str:
        return f"{position[0]}-{position[1]}"

    def newest(self) -> Position:
        return max(self.ring.top, self._stored)

    async def append(self, payload: Payload, seconds: float) -> str:
        name = "text" if payload.is_text else "data"
        arguments: list[str | bytes | int] = [self.history, TOKEN_MILLISECONDS, name, payload.data]
        if payload.event is not None:
            arguments += ["event", payload.event]
        token = f"{self._token_prefix}{secrets.token_hex(16)}"
        failures = self._commands.failures
        try:
            async with asyncio.timeout(seconds):
                await self._until_ready()
                settled = [self._settled.popleft() for _ in range(min(_SETTLED_AT_ONCE, len(self._settled)))]
                answer: bytes = await self._commands.run(PUBLISH, [self.key, token, *settled], arguments)
        except TimeoutError:
            raise ChannelUnavailable("Redis did not take the event in time.") from self._commands.fault
        if failures == self._commands.failures:  # no copy of the command is still on its way
            self._settled.append(token)
        event_id = answer.decode()
        self._stored = max(self._stored, _position(answer))
        return event_id

    async def read_after(self, position: Position) -> Page:
        count = min(self.ring.batch_events, PAGE_EVENTS)
        reading = reading_of(await self._commands.run(READ, [self.key], [self.id_of(position), count]))
        lost_until = reading.lost_until(position)
        if lost_until is not None:
            return Page(lost_until, lost_until=lost_until)
        events = list(self.events(reading.entries))
        if not events and position > self.ring.top and not self.is_closed:
            await self.bell.wait()  # another process is ahead of this one's reading
        return Page(_position(reading.entries[-1][0]) if reading.entries else position, events)

    def start(self, reading: Reading) -> None:
        """The ring begins with the newest entries, which are given newest first."""
        entries = reading.entries[::-1]
        positions = [_position(entry_id) for entry_id, _ in entries]
        self.ring.restart(before(positions[0]) if positions else reading.last)
        self._clock, self._began_at = reading.milliseconds, monotonic()
        stood = [self.ring.floor, *positions]
        is_dated = reading.last[0] <= reading.milliseconds  # else the ids are not of this clock
        self._stood = stood[self._last_until(self._made_at, stood) :] if is_dated else stood[-1:]
        self.keep(self.events(entries))
        self.ring.top = max(self.ring.top, reading.last)
        self.begin()

    def position_at(self, moment: float) -> Position:
        return self._stood[self._last_until(moment, self._stood)]

    def _last_until(self, moment: float, positions: Sequence[Position]) -> int:
        """The index of the last position that is surely not after that moment; of the first where all may be."""
        passed = (self._began_at - moment) * 1_000
        latest = self._clock - int(passed * 1.001) - 2  # clocks differ by less, and ids have whole milliseconds
        return max(bisect_left(positions, (latest, 0)) - 1, 0)

    def go_on(self, reading: Reading) -> None:
        """The ring goes on with what came after its top, and its subscribers are told what did not."""
        lost_until = reading.lost_until(self.ring.top)
        if lost_until is not None:
            self._stored = min(self._stored, lost_until)
            self.lose(lost_until)
        self.extend([entry for entry in reading.entries if _position(entry[0]) > self.ring.top])

    def extend(self, entries: Sequence[Any]) -> None:
        """These are the next entries of the stream."""
        self.keep(self.events(entries))
        if entries:
            self.ring.top = _position(entries[-1][0])

    def events(self, entries: Iterable[Any]) -> Iterator[Event]:
        """The events in the entries; what somebody else wrote there in another form is passed over."""
        for entry_id, fields in entries:
            pairs = dict(zip(fields[::2], fields[1::2], strict=False))
            try:
                yield event_of(_payload(pairs), _position(entry_id), entry_id.decode())
            except (KeyError, ValueError):
                logger.warning("%s: entry %s is no event, and is passed over", self.key, entry_id.decode())

    async def _until_ready(self) -> None:
        while not self.is_ready:
            if self.is_closed:
                raise ChannelUnavailable("The store of the channel is closed.")
            await self.bell.wait()
        if self.is_closed:
            raise ChannelUnavailable("The store of the channel is closed.")


def before(position: Position) -> Position:
    """The position just before another."""
    milliseconds, number = position
    if number:
        return milliseconds, number - 1
    return (milliseconds - 1, _LARGEST) if milliseconds else BEGINNING


def reading_of(answer: list[Any]) -> Reading:
    """What the script `READ` gave."""
    if not answer:
        return Reading()
    last, first, is_whole, is_there, entries, milliseconds = answer
    oldest = _position(first) if first else None
    return Reading(_position(last), oldest, bool(is_whole), bool(is_there), entries, milliseconds)


def _position(entry_id: bytes) -> Position:
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)


def _payload(fields: dict[bytes, bytes]) -> Payload:
    event = fields.get(b"event")
    name = None if event is None else event.decode()
    if name == GAP:
        raise ValueError(name)
    if b"text" in fields:
        return Payload(fields[b"text"], is_text=True, event=name)
    return Payload(fields[b"data"], event=name)
