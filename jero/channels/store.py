"""Opens and closes the event logs of an application's channels, one for each name."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self, TypedDict

from jero.channels.log import EventLog
from jero.channels.ring import HISTORY_BYTES, Turn
from jero.errors import ServiceUnavailable, WiringError


class History(TypedDict, total=False):
    """How much of a channel is kept: `Channel` explains it."""

    history: int
    history_bytes: int


class ChannelUnavailable(ServiceUnavailable, type="channel-unavailable", title="Channel unavailable"):
    """The store did not confirm the event in time, or is closed. The event may still have been stored, once."""


class Store(ABC):
    """Keeps the events of channels while it is open. Make one for each application.

    Open it in `_wire`: `store = await self._aenter(MemoryStore())`. Its channels end when it is closed. If some are to
    end earlier, give those a store of their own.
    """

    def __init__(self) -> None:
        self._logs: dict[str, EventLog] = {}
        self._histories: dict[str, dict[str, int]] = {}
        self._turn = Turn()
        self._is_open = False

    async def __aenter__(self) -> Self:
        if self._is_open:
            raise WiringError(f"{type(self).__name__} was entered twice. Make one for each application.")
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

    def log(self, name: str, history: int = 1_000, history_bytes: int = HISTORY_BYTES) -> EventLog:
        """Returns the log of the channel `name`. Channels of the same name share one log.

        Raises `ValueError` if `history` or `history_bytes` is less than 1. Raises `WiringError` if the store is not
        open, or if the log exists with another `history` or `history_bytes`.
        """
        if not self._is_open:
            raise WiringError(f"{type(self).__name__} is not open. Enter it in _wire: await self._aenter(store).")
        wanted = {"history": history, "history_bytes": history_bytes}
        existing = self._histories.get(name, wanted)
        for option, value in wanted.items():
            if value < 1:
                raise ValueError(f"Channel({option}={value!r}): it must be at least 1.")
            if value != existing[option]:
                raise WiringError(
                    f"Channel({name!r}, {option}={value}): it exists with {option}={existing[option]}. "
                    "Use the same number."
                )
        self._histories[name] = wanted
        if name not in self._logs:
            self._logs[name] = self._make_log(name, history, history_bytes)
        return self._logs[name]

    @abstractmethod
    def _make_log(self, name: str, history: int, history_bytes: int) -> EventLog: ...

    @abstractmethod
    async def _open(self) -> None:
        """Opens what the store needs. May raise `ChannelUnavailable`."""

    @abstractmethod
    async def _close(self) -> None:
        """Closes what the store opened. All logs are closed already."""
