"""Opens and closes the event logs of an application's channels, one for each name."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from jero.channels.log import EventLog
from jero.errors import ServiceUnavailable, WiringError


class ChannelUnavailable(ServiceUnavailable, type="channel-unavailable", title="Channel unavailable"):
    """The store did not confirm the event in time, or is closed. The event may still have been stored, once."""


class Store(ABC):
    """Keeps the events of channels while it is open. Make one for each application.

    Open it in `_wire`: `store = await self._aenter(MemoryStore())`.
    """

    def __init__(self) -> None:
        self._logs: dict[str, EventLog] = {}
        self._histories: dict[str, int] = {}
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

    def log(self, name: str, history: int) -> EventLog:
        """Returns the log of the channel `name`. Channels of the same name share one log.

        Raises `WiringError` if the store is not open, or if the log exists with another `history`.
        """
        if not self._is_open:
            raise WiringError(f"{type(self).__name__} is not open. Enter it in _wire: await self._aenter(store).")
        existing = self._histories.setdefault(name, history)
        if existing != history:
            raise WiringError(
                f"Channel({name!r}, history={history}): it exists with history={existing}. Use the same number."
            )
        if name not in self._logs:
            self._logs[name] = self._make_log(name, history)
        return self._logs[name]

    @abstractmethod
    def _make_log(self, name: str, history: int) -> EventLog: ...

    @abstractmethod
    async def _open(self) -> None:
        """Opens what the store needs. May raise `ChannelUnavailable`."""

    @abstractmethod
    async def _close(self) -> None:
        """Closes what the store opened. All logs are closed already."""
