"""Defines what runs need of a store: to begin a run once, to write its log, to end it, and to find it again.

Theory of operation. A run is a log of entries: its items, numbered from 1, and last its end. Entry `n` has the offset
`(0, n)` and the id `0-n`, on every store. One process has the source of a run, and alone writes its items: the writer.
Any process can read the log, and ask the writer to stop.

A register serves the runs of one `Runs`. It owns the leases by which a store learns that a writer has died: `Runs`
knows nothing of them. If a lease is over, whoever looks at the run ends it as lost, once; from then on the store
refuses what the writer still appends.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from jero.channels.event import Payload
from jero.channels.kind import Kind
from jero.channels.log import EventLog
from jero.errors import TooManyRequests
from jero.runs.end import RunEnd

LOST: Final = RunEnd(outcome="lost").payload()
# Seconds in `Retry-After`, drawn for each refused client, so that a crowd does not return at once.
RETRY_AFTER: Final = (1, 5)


class RunOptions(Struct, frozen=True, kw_only=True):
    """The limits of the runs of one `Runs`, which explains them. Times are in seconds."""

    keep: float
    max_items: int
    max_bytes: int
    max_duration: float
    max_runs_per_owner: int
    lost_after: float


class NewRun(Struct, frozen=True, kw_only=True):
    """A run that is to begin.

    `id`: its random id. `owner`, `key`, `request`: hashes in hex: of the owner; of the idempotency key, `None` without
    one; and of the request that came with the key.
    """

    id: str
    owner: str
    key: str | None = None
    request: str = ""


class Claim(Struct, frozen=True):
    """The run that a key names: `run_id` is the new run's, or of the run that was first. `request` is its hash."""

    run_id: str
    request: str


class RunRecord(Struct, frozen=True, kw_only=True):
    """Describes a run as the store knows it.

    `items`: how many items its log has. `started_at`, `ended_at`: Unix time in seconds; `ended_at` is `None` while the
    run is open. `end`: the data of its end, a `RunEnd` as JSON, or `None` while it is open.
    """

    items: int
    started_at: float
    ended_at: float | None = None
    end: bytes | None = None


class Orders(Struct, frozen=True):
    """Contains what the register calls, in the event loop, for a run of this process. Others are ignored.

    `stop(run_id)`: somebody asks the run to stop. `fence(run_id)`: the run was ended as lost, so its writer has to end.
    """

    stop: Callable[[str], None]
    fence: Callable[[str], None]


class Fenced(Exception):
    """The run has ended for everybody else, so its writer appends nothing any more."""


class RunRegister(ABC):
    """The runs of one `Runs` in one store.

    `kind`: the logs of these runs. The log of a run is complete up to where it has been read, and its ring has an `end`
    as soon as it has the end of the run: then a subscriber ends after that. A log of these must never send a gap as an
    event: if entries are lost, the batch that `make_gap` returns raises `ServiceUnavailable` in every format.
    """

    kind: Kind

    @abstractmethod
    async def open(self, orders: Orders) -> None:
        """Opens what the register needs. May raise `ChannelUnavailable`."""

    @abstractmethod
    async def close(self) -> None:
        """Closes it. All runs of this process have ended."""

    @abstractmethod
    async def begin(self, run: NewRun) -> Claim:
        """Begins a run of which this process is the writer, unless a run of the same owner has the same key.

        If two processes begin runs with one key at the same time, one of them begins. The other one waits until that
        run is confirmed, or removed. A key that names a run is answered before any limit, and is free again when its
        run is gone. A run that has ended counts no more among the open runs of its owner, and a lost one does not for
        longer than `lost_after` seconds.

        Raises `TooManyRequests` if the owner has `max_runs_per_owner` open runs, in all processes. Raises
        `ChannelUnavailable` if the store does not answer in time.
        """

    @abstractmethod
    async def known(self, run: NewRun) -> Claim | None:
        """Returns the run that `begin` would find by the key; `None` if it would begin one.

        Raises `ChannelUnavailable` if the store does not answer in time.
        """

    @abstractmethod
    def confirm(self, run_id: str) -> None:
        """Lets others find, by its key, a run that `begin` has begun. It is not removed any more."""

    @abstractmethod
    async def forget(self, run_id: str) -> None:
        """Removes a run that `begin` has begun, with its key, unless it was confirmed. May fail silently."""

    @abstractmethod
    async def append(self, run_id: str, first: int, payloads: Sequence[Payload]) -> None:
        """Appends items, of which the first has the number `first`. Returns when the store has them.

        Waits as long as the store does not answer. The task may be cancelled meanwhile; then an item may be stored, or
        not, and `end` follows. Raises `Fenced` if the run has ended. Raises `ChannelUnavailable` if the store is
        closed.
        """

    @abstractmethod
    async def end(self, run_id: str, end: Payload) -> None:
        """Appends the end after the items that are stored, unless the run has an end. Its time to be kept begins.

        Waits as long as the store does not answer; if the task is cancelled then, the lease ends the run. After this,
        the run is not one of this process any more. Raises `ChannelUnavailable` if the store is closed.
        """

    @abstractmethod
    async def find(self, run_id: str, owner: str) -> RunRecord | None:
        """Returns what is known of a run; `None` if that owner has no run of that id.

        `run_id` may be any text that a client sent. If the lease of the run is over, ends it as lost first. Raises
        `ChannelUnavailable` if the store does not answer in time.
        """

    @abstractmethod
    async def ask_stop(self, run_id: str) -> None:
        """Has `Orders.stop` called in the process of a run that was found, within 0.1 seconds if the store answers.

        Raises `ChannelUnavailable` if the store does not answer in time.
        """

    def log(self, run_id: str, number: int) -> EventLog:
        """Returns the log of a run that was found. Its subscriber begins after the entry `number`."""
        log = self.kind.log(run_id)
        log.listen((0, number))
        return log

    def reopened(self, log: EventLog, number: int) -> EventLog:
        """Returns the log that replaces one that the process has let go, for a subscriber that begins there."""
        return self.log(log.name, number)


def too_many_of_owner() -> TooManyRequests:
    """Returns the refusal of a further run of an owner."""
    return TooManyRequests("Too many open runs of one owner.", headers=retry_after())


def retry_after() -> dict[str, str]:
    """Returns the header `Retry-After` of a refusal."""
    return {"Retry-After": str(random.randint(*RETRY_AFTER))}  # noqa: S311 - spreads the clients, and is not a secret
