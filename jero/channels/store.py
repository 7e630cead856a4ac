"""Where events are kept: what every store is, and can be asked."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from msgspec import Struct

from jero.channels.audience import Audience
from jero.channels.batch import Batch
from jero.channels.bell import Bell
from jero.channels.event import Event, Payload, Position, gap_of
from jero.channels.ring import Ring
from jero.channels.statistics import Counters
from jero.errors import ServiceUnavailable, WiringError


class ChannelUnavailable(ServiceUnavailable, type="channel-unavailable", title="Channel unavailable"):
    """The store did not take the event in time, or is closed. The event may still have been stored, once."""


class Page(Struct, frozen=True):
    """What a store has for a subscriber that the ring has nothing for.

    `lost_until`: what came up to that position is no longer kept; `None`: nothing is missing, and what comes after
    `position` is to be asked for next.
    """

    position: Position
    events: Sequence[Event] = ()
    lost_until: Position | None = None


class EventLog(ABC):
    """One channel's events, as this process sees them.

    `ring`: the newest of them; `audience`: who waits for the next; `counters`: what was counted. `bell` rings when the
    ring has changed, and when the log is ready, or closed. `is_ready`: the ring has begun. `is_closed`: nothing more
    will come.
    """

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.counters = Counters()
        self.audience = Audience(ring, self.counters)
        self.bell = Bell()
        self._beginning = ring.top
        self.is_ready = False
        self.is_closed = False

    @abstractmethod
    def position_of(self, event_id: str) -> Position | None:
        """The position of an id; `None` where it is of an earlier life of the store, or of another store.

        Raises `ValueError` where it cannot be one of this log's.
        """

    @abstractmethod
    def id_of(self, position: Position) -> str:
        """The id that stands for it."""

    @abstractmethod
    def newest(self) -> Position:
        """The newest position that this process knows of."""

    @abstractmethod
    def position_at(self, moment: float) -> Position:
        """The newest position at a moment of `time.monotonic` before the log was ready, or one shortly before it."""

    @abstractmethod
    async def append(self, payload: Payload, seconds: float) -> str:
        """Stores an event, and gives its id. Raises `ChannelUnavailable` when it cannot within so many seconds."""

    @abstractmethod
    async def read_after(self, position: Position) -> Page:
        """What comes after a position that the ring knows no number of."""

    def last_id(self) -> str | None:
        """The id of the newest event that this process has seen; `None` where there never was one."""
        return None if self.ring.top == self._beginning else self.id_of(self.ring.top)

    def begin(self) -> None:
        """The ring has begun."""
        self.is_ready = True
        self.bell.ring()

    def keep(self, events: Iterable[Event]) -> None:
        """These are the newest events, in the store's order."""
        for event in events:
            if self.ring.is_full:
                self.audience.hurry()
            self.ring.append(event)
        self.audience.call()
        self.bell.ring()

    def lose(self, lost_until: Position) -> None:
        """What came after the newest event here, up to that position, will never be known."""
        self.audience.flush()
        gap = self.gap(self.id_of(self.ring.top), lost_until)
        self.ring.restart(lost_until)
        self.audience.tell(gap)
        self.bell.ring()

    def gap(self, after: str, resumed_at: Position) -> Batch:
        """What a subscriber is told that missed the events after the one id, up to the other."""
        return Batch((gap_of(after, resumed_at, self.id_of(resumed_at)),), is_gap=True)

    def close(self) -> None:
        """Nothing more will come."""
        self.is_closed = True
        self.audience.flush()
        self.audience.dismiss()
        self.bell.ring()


class Store(ABC):
    """Keeps the events of channels, from its entering to its leaving: `store = await self._aenter(MemoryStore())`."""

    def __init__(self) -> None:
        self._logs: dict[str, EventLog] = {}
        self._histories: dict[str, int] = {}
        self._is_open = False

    async def __aenter__(self) -> Self:
        if self._is_open:
            raise WiringError(f"{type(self).__name__}: it was entered twice. Make one for each application.")
        await self._open()
        self._is_open = True
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_open = False
        for log in self._logs.values():
            log.close()
        self._logs.clear()
        self._histories.clear()
        await self._close()

    def log(self, name: str, history: int) -> EventLog:
        """The events of the channel of that name; all who ask for it here share one."""
        if not self._is_open:
            raise WiringError(f"{type(self).__name__} is not open. Enter it in _wire: await self._aenter(store).")
        if self._histories.setdefault(name, history) != history:
            raise WiringError(f"Channel {name!r}: one with history={self._histories[name]} is there already.")
        if name not in self._logs:
            self._logs[name] = self._make_log(name, history)
        return self._logs[name]

    @abstractmethod
    def _make_log(self, name: str, history: int) -> EventLog: ...

    @abstractmethod
    async def _open(self) -> None:
        """Takes what the store needs; it may raise `ChannelUnavailable`."""

    @abstractmethod
    async def _close(self) -> None:
        """Gives it back, when all logs are closed."""
