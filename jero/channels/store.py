"""Opens and closes the channels of an application: a store for each application, a kind for each set of channels."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypedDict

from jero.annotations import wiring_error
from jero.channels.kind import Kind, KindOptions
from jero.channels.lingering import Lingering
from jero.channels.log import EventLog
from jero.channels.ring import HISTORY_BYTES, Turn
from jero.errors import ServiceUnavailable, WiringError


class History(TypedDict, total=False):
    """How much of a channel is kept: `Channel` explains it."""

    history: int
    history_bytes: int


def check_store(owner: str, store: object) -> None:
    """Raises `WiringError` if `store` is not a store. `owner`: the call that the message names."""
    if isinstance(store, Store):
        return
    if inspect.isawaitable(store):
        if inspect.iscoroutine(store):
            store.close()  # nothing awaits it
        raise wiring_error(owner, "the store is not awaited", "Write store = await self._aenter(MemoryStore())")
    name = store.__name__ if isinstance(store, type) else type(store).__name__
    raise wiring_error(owner, f"the store is {name}", "Give a MemoryStore or a RedisStore that is entered")


class ChannelUnavailable(ServiceUnavailable, type="channel-unavailable", title="Channel unavailable"):
    """The store did not confirm the event in time, or is closed. The event may still have been stored, once."""


class Store(ABC):
    """Keeps the events of channels while it is open. Make one for each application.

    Open it in `_wire`: `store = await self._aenter(MemoryStore())`. Its channels end when it is closed. If streams of
    some are to end earlier, give those a store of their own.
    """

    def __init__(self) -> None:
        self._singles: dict[str, Kind] = {}
        self._kinds: dict[str, Kind] = {}
        self._runs: dict[str, Kind] = {}
        self.turn = Turn()
        self.lingering = Lingering()
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
        self.lingering.close()
        for kinds in (self._singles, self._kinds, self._runs):
            for kind in kinds.values():
                kind.close()
            kinds.clear()
        await self._close()

    def log(self, name: str, history: int = 1_000, history_bytes: int = HISTORY_BYTES) -> EventLog:
        """Returns the log of the single channel `name`. Channels of the same name share one log.

        Raises `ValueError` and `WiringError` as `single` does.
        """
        return self.single(name, KindOptions(history, history_bytes)).log(name)

    def single(self, name: str, options: KindOptions) -> Kind:
        """Returns the kind that has only the channel `name`. It stays as long as the store is open.

        Raises `ValueError` if an option is out of its bounds. Raises `WiringError` if the store is not open, or if the
        channel exists with other options.
        """
        return self._find(self._singles, "Channel", None, name, options)

    def kind(self, name: str, options: KindOptions) -> Kind:
        """Returns the kind of this name. Raises `ValueError` and `WiringError` as `single` does."""
        return self._find(self._kinds, "Channels", name, name, options)

    def add_runs(self, name: str, options: KindOptions, make_log: Callable[[Kind, str], EventLog]) -> Kind:
        """Returns a new kind for the logs of runs, which `make_log` makes. Names of channels do not meet its name.

        Raises `WiringError` if the store is not open, or if it has runs of this name.
        """
        self._check_open()
        if name in self._runs:
            raise WiringError(f"Runs({name!r}): the store has runs of this name. Use another name=.")
        self._runs[name] = kind = Kind(name, options, make_log, self.lingering.watch)
        return kind

    def remove_runs(self, name: str) -> None:
        """Closes the logs of the runs of this name, and forgets them."""
        kind = self._runs.pop(name, None)
        if kind is not None:
            kind.close()

    def _check_open(self) -> None:
        if not self._is_open:
            raise WiringError(f"{type(self).__name__} is not open. Enter it in _wire: await self._aenter(store).")

    def _find(self, kinds: dict[str, Kind], owner: str, kind_name: str | None, name: str, options: KindOptions) -> Kind:
        self._check_open()
        options.check(owner)
        kind = kinds.get(name)
        if kind is None:
            kinds[name] = kind = Kind(kind_name, options, self._make_log, self.lingering.watch)
        kind.options.check_same(owner, name, options)
        return kind

    @abstractmethod
    def _make_log(self, kind: Kind, name: str) -> EventLog: ...

    @abstractmethod
    async def _open(self) -> None:
        """Opens what the store needs. May raise `ChannelUnavailable`."""

    @abstractmethod
    async def _close(self) -> None:
        """Closes what the store opened. All logs are closed already."""
