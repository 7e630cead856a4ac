"""The open channels of one kind: makes the log of a name when somebody uses it, and lets it go."""

from collections.abc import Callable
from math import inf
from typing import Any

from msgspec import Struct

from jero.channels.entry import EntryReader
from jero.channels.log import Counters, EventLog
from jero.errors import WiringError


class KindOptions(Struct, frozen=True):
    """How much of a channel is kept, and for how long: `Channels` explains it.

    `linger`: `None` if the process never lets a channel go.
    """

    history: int
    history_bytes: int
    keep: float | None = None
    linger: float | None = None

    def check(self, owner: str) -> None:
        """Raises `ValueError` if an option is out of its bounds. `owner` is the class that the message names."""
        for option, least in (("history", self.history), ("history_bytes", self.history_bytes)):
            if least < 1:
                raise ValueError(f"{owner}({option}={least!r}): it must be at least 1.")
        for option, seconds in (("keep", self.keep), ("linger", self.linger)):
            if seconds is not None and not 0 < seconds < inf:
                raise ValueError(f"{owner}({option}={seconds!r}): it must be a positive number of seconds.")

    def check_same(self, owner: str, name: str, wanted: "KindOptions") -> None:
        """Raises `WiringError` if the options that are wanted are not these."""
        for option in self.__struct_fields__:
            exists, found = getattr(self, option), getattr(wanted, option)
            if exists != found:
                raise WiringError(
                    f"{owner}({name!r}, {option}={found}): it exists with {option}={exists}. Use the same number."
                )


class Kind:
    """The channels of one `Channels`, or the only one of a `Channel`, in one store.

    `name`: the name of the kind; `None` if it is the only channel. `make_log(kind, name)` makes the log of a channel.
    `watch(log)` is called for each log that nobody uses, so that it goes in time. `entries`: reads the entries
    that other programs may have added. `logs`: the open logs, by name.
    """

    def __init__(
        self,
        name: str | None,
        options: KindOptions,
        make_log: Callable[["Kind", str], EventLog],
        watch: Callable[[EventLog], None],
    ) -> None:
        self.name = name
        self.options = options
        self.entries = EntryReader()
        self._make_log = make_log
        self._watch = watch
        self.logs: dict[str, EventLog] = {}
        self._gone = Counters()
        self._is_closed = False
        self._on_gone = self._forget  # one object for all logs

    def accept(self, type_: Any) -> None:
        """Declares a type of its events. Several channels of one name may declare several."""
        self.entries.accept(type_)

    def log(self, name: str) -> EventLog:
        """Returns the log of a channel. It stays until nobody uses it any more, and its time is over."""
        log = self.logs.get(name)
        if log is not None:
            return log
        log = self._make_log(self, name)
        if self._is_closed:
            log.close()
            return log
        self.logs[name] = log
        log.on_unused, log.on_gone = self._watch, self._on_gone
        self._watch(log)
        return log

    def totals(self) -> tuple[int, Counters]:
        """Returns how many channels are open, and what all channels have counted, those that went included."""
        total = Counters()
        total.add(self._gone)
        for log in self.logs.values():
            total.add(log.counters)
        return len(self.logs), total

    def close(self) -> None:
        """Closes the logs: their subscribers and publishers end, and so do later ones."""
        self._is_closed = True
        for log in self.logs.values():
            log.close()

    def _forget(self, log: EventLog) -> None:
        """Drops the log of a channel, and keeps what it has counted."""
        del self.logs[log.name]
        self._gone.add(log.counters)
