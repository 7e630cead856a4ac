"""Starts runs, follows them, stops them, and says how they are."""

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from math import inf
from time import monotonic
from types import TracebackType
from typing import Final, Generic, Literal, Self, TypeAlias, TypedDict, TypeVar, Unpack

from msgspec import UNSET, Struct
from msgspec.json import Encoder
from typing_extensions import TypeForm

from jero.channels.channel import Values
from jero.channels.keys import fault_of_name, quoted_name
from jero.channels.log import Notifier
from jero.channels.memory import MemoryStore
from jero.channels.store import Store
from jero.codec import DEFAULT_ENCODER
from jero.errors import BadRequest, NotFound, Problem, ServiceUnavailable, UnprocessableContent, WiringError
from jero.framing.event import ServerSentEvent
from jero.names import nearest
from jero.responses.streaming import Source, check_source
from jero.runs.end import Limit, Outcome, read_end
from jero.runs.memory import MemoryRegister
from jero.runs.producer import Producer, Production
from jero.runs.register import Claim, NewRun, Orders, RunOptions, RunRecord, RunRegister, retry_after
from jero.runs.stream import RunStream
from jero.streaming.source import close_unstarted

T = TypeVar("T")

RunState: TypeAlias = Literal["running"] | Outcome

MAX_BYTES: Final = 16 * 1024 * 1024
# How long the timer of `max_duration` waits at least, so that runs that began together end together.
GRAIN_SECONDS: Final = 0.05
_ID_BYTES: Final = 16
_ENTRY_ID: Final = re.compile(r"0-(0|[1-9][0-9]{0,17})", re.ASCII)
_REQUESTS: Final = Encoder(order="deterministic")

logger = logging.getLogger("jero.runs")


class Run(Struct, frozen=True):
    """A run that was started.

    `id`: its random name.
    `is_new`: whether this call started it, and not an earlier one.
    """

    id: str
    is_new: bool


class RunStatus(Struct, frozen=True, kw_only=True):
    """A run at one moment.

    `id`: its random name.
    `state`: "running", or how it ended, as `RunEnd.outcome`.
    `items`: how many items it has so far.
    `started_at`, `ended_at`: in UTC. `ended_at` is `None` while it is running.
    `limit`, `problem`: of a failed run, as in `RunEnd`.
    """

    id: str
    state: RunState
    items: int
    started_at: datetime
    ended_at: datetime | None = None
    limit: Limit | None = None
    problem: Problem | None = None


class RunLimits(TypedDict, total=False):
    """The limits of runs: `Runs` explains them."""

    keep: float
    max_items: int
    max_bytes: int
    max_duration: float
    max_runs: int
    max_runs_per_owner: int
    lost_after: float
    drain_timeout: float


class Runs(Generic[T]):
    """Runs sources of `T` detached from the requests that start them: for work that goes on if its client leaves.

    Open it in `_wire`, in an open store: `runs = await self._aenter(Runs(store, AnswerChunk))`. A run goes on, whoever
    follows it, in the process that started it. Any process that shares the store can follow and stop it.

    `name`: tells several `Runs` of one store apart.
    `encoder`: the JSON encoder for the items. Each is encoded once, for all formats and followers.

    The limits, with times in seconds:

    - `keep`: how long a run is kept after its end (600). Then everything of it is gone.
    - `max_items`, `max_bytes`: how many items a run has at most (100,000), and how many bytes of JSON, with about 100
      more for each item (16 MiB). `max_duration`: how long it runs at most (3,600). A run that goes over one of them is
      ended as "failed", with its items so far, and its end says over which.
    - `max_runs`: how many runs are open in this process at most (1,000). `max_runs_per_owner`: how many of one owner in
      all processes (20).
    - `lost_after`: if a process dies, or does not reach the store, its runs are ended as "lost" after this time (15).
    - `drain_timeout`: how long open runs may go on when the application shuts down (10). Then they are ended as
      "shutdown".

    Raises `ValueError` if `name` is empty or has more than 512 bytes, a number is less than 1, or a time is not
    positive. Raises `WiringError` and `TypeError` as `Channel` does for `type`. Entering it raises `WiringError` if the
    store is not open, or has runs of that name.
    """

    def __init__(
        self,
        store: Store,
        type: TypeForm[T],
        *,
        name: str = "runs",
        encoder: Encoder = DEFAULT_ENCODER,
        **limits: Unpack[RunLimits],
    ) -> None:
        fault = fault_of_name(name)
        if fault is not None:
            raise ValueError(f"Runs(name={quoted_name(name)}): {fault}. The store needs a name to tell runs apart.")
        self.name = name
        self._store = store
        self._values: Values[T] = Values(f"Runs({name!r})", type, publish_timeout=inf, encoder=encoder)
        _check(limits)
        self._max_runs = limits.get("max_runs", 1_000)
        self._drain_timeout = limits.get("drain_timeout", 10.0)
        self._options = RunOptions(
            keep=limits.get("keep", 600.0),
            max_items=limits.get("max_items", 100_000),
            max_bytes=limits.get("max_bytes", MAX_BYTES),
            max_duration=limits.get("max_duration", 3_600.0),
            max_runs_per_owner=limits.get("max_runs_per_owner", 20),
            lost_after=limits.get("lost_after", 15.0),
        )
        self._register: RunRegister | None = None
        self._production: Production | None = None
        self._is_draining = False
        self._producers: dict[str, Producer] = {}  # in the order in which they began, and so of their `due`
        self._beginning = 0
        self._changed = Notifier()
        self._timer: asyncio.TimerHandle | None = None
        self._undoing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if self._register is not None:
            raise WiringError(f"Runs({self.name!r}) was entered twice. Make one for each application.")
        register = make_register(self._store, self.name, self._options)
        register.kind.accept(self._values.of)
        try:
            await register.open(Orders(self._stop_here, self._fence_here))
        except BaseException:
            await register.close()
            raise
        self._register = register
        self._is_draining = False
        self._production = Production(self.name, register, self._values, self._options, self._forget)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_draining = True
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._drain_timeout):
                    while self._producers or self._beginning:
                        await self._changed.wait()
        finally:  # also if the task is cancelled: then the runs have no more time
            await self._close()

    async def _close(self) -> None:
        """Ends the open runs, and closes what the store opened for them."""
        while self._producers or self._beginning:
            for producer in list(self._producers.values()):
                producer.stop("shutdown")
            await self._changed.wait()
        if self._undoing:
            await asyncio.wait(self._undoing)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        register, self._register = self._register, None
        if register is not None:
            await register.close()

    async def start(
        self, source: Source[T | ServerSentEvent[T]], *, owner: str, key: str | None = None, request: object = None
    ) -> Run:
        """Starts a run of a source, which goes on after this request. Returns it when the store has it.

        `source`: any source that a stream response takes. Its context manager, or lifecycle, is left with the exception
        if the run does not complete, so it rolls back. The source must not use what belongs to the request, such as a
        session that a dependency opens, since that is closed by then: let the source open its own. Of an item that is a
        `ServerSentEvent`, `data` and `event` are kept. The run gives its items ids of its own.

        `owner`: who may follow and stop the run, such as the id of a user; nobody else finds it.
        `key`: the request's `Idempotency-Key`, if it has one. If the owner has a run with this key, returns that run,
        and closes the source unused.
        `request`: what the key stands for, such as the body: bytes, or anything that is JSON. Of these three only
        hashes are stored.

        If `start` is cancelled, nothing has started, and the source is closed.

        Raises `UnprocessableContent` if the run of this key was started with another `request`. Raises
        `ServiceUnavailable` if this process has `max_runs` open runs or is shutting down, and `TooManyRequests` if the
        owner has `max_runs_per_owner`. Raises `ChannelUnavailable` if the store does not answer. The source is closed
        then. Raises `TypeError` if `source` is not a source.
        """
        check_source("Runs.start(source)", source)
        try:
            new = _new_run(owner, key, request)
            claim = await self._begin(new)
            if claim.request != new.request:
                raise UnprocessableContent("The Idempotency-Key was used for another request.")
        except BaseException:
            await close_unstarted(source)
            raise
        if claim.run_id != new.id:
            await close_unstarted(source)
            return Run(claim.run_id, is_new=False)
        register, production = self._opened()
        register.confirm(new.id)
        self._producers[new.id] = Producer(new.id, new.owner, source, production)
        self._watch()
        return Run(new.id, is_new=True)

    async def follow(self, run_id: str, *, owner: str, after: str | None = None) -> RunStream[T]:
        """Returns the items of a run and its end, as the stream of any response, in any process.

        `run_id`, `owner`: the id of the `Run`, and who has started it.
        `after`: the id of an entry, such as the `Last-Event-ID` of the request. The stream begins after it, or with the
        first item if it is `None` or empty. Kept items come first, and then each as the run has it.

        Raises `NotFound` if a run of this id does not exist, is another owner's, or is not kept any more. Raises
        `BadRequest` if `after` is not the id of one of its entries. Raises `ChannelUnavailable` if the store does not
        answer.
        """
        record = await self._find(run_id, owner)
        last = record.items if record.end is None else record.items + 1
        match = _ENTRY_ID.fullmatch(after or "0-0")
        number = int(match[1]) if match else inf
        if number > last:
            raise BadRequest("Last-Event-ID is not the id of an item of this run.")
        register, place = self._opened()[0], int(number)
        is_over = record.end is not None and place == last
        return RunStream(register, register.log(run_id, place), place, self._values.decoder, is_over=is_over)

    async def stop(self, run_id: str, *, owner: str) -> None:
        """Stops a run, in whatever process it is. Does nothing if it has ended. `run_id`, `owner`: as for `follow`.

        Returns when the run is told. Its source is then cancelled, within 0.1 seconds, and closed; after that the run
        ends as "stopped", unless it ended meanwhile.

        Raises `NotFound` as `follow` does. Raises `ChannelUnavailable` if the store does not answer.
        """
        producer = self._producers.get(run_id)
        if producer is not None and producer.owner == _hash(owner):
            producer.stop("stopped")
            return
        record = await self._find(run_id, owner)
        if record.end is None:
            await self._opened()[0].ask_stop(run_id)

    async def status(self, run_id: str, *, owner: str) -> RunStatus:
        """Returns how a run is. `run_id`, `owner`: as for `follow`.

        Raises `NotFound` and `ChannelUnavailable` as `follow` does.
        """
        record = await self._find(run_id, owner)
        end = None if record.end is None else read_end(record.end)
        return RunStatus(
            id=run_id,
            state="running" if end is None else end.outcome,
            items=record.items,
            started_at=datetime.fromtimestamp(record.started_at, UTC),
            ended_at=None if record.ended_at is None else datetime.fromtimestamp(record.ended_at, UTC),
            limit=None if end is None or end.limit is UNSET else end.limit,
            problem=None if end is None or end.problem is UNSET else end.problem,
        )

    def _opened(self) -> tuple[RunRegister, Production]:
        if self._register is None or self._production is None:
            raise WiringError(f"Runs({self.name!r}) is not open. Enter it in _wire: await self._aenter(runs).")
        return self._register, self._production

    async def _find(self, run_id: str, owner: str) -> RunRecord:
        record = await self._opened()[0].find(run_id, _hash(owner))
        if record is None:
            raise NotFound("This run does not exist.")
        return record

    # How a run begins

    async def _begin(self, new: NewRun) -> Claim:
        """Begins a run in the store, if there is a place for it in this process."""
        if self._is_draining:
            raise ServiceUnavailable("The server is shutting down.", headers=retry_after())
        register, _ = self._opened()
        if len(self._producers) + self._beginning >= self._max_runs:
            known = await register.known(new)  # a run that is there needs no place
            if known is None:
                raise ServiceUnavailable("Too many open runs.", headers=retry_after())
            return known
        self._beginning += 1
        beginning = asyncio.ensure_future(register.begin(new))
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            undoing = asyncio.ensure_future(self._undo(register, beginning, new.id))
            self._undoing.add(undoing)
            undoing.add_done_callback(self._undoing.discard)
            raise
        finally:
            self._beginning -= 1
            self._changed.notify()
            del beginning  # the traceback of its error refers to this frame

    async def _undo(self, register: RunRegister, beginning: Awaitable[Claim], run_id: str) -> None:
        """Removes a run that nobody knows, because its start was cancelled."""
        try:
            claim = await beginning
            if claim.run_id == run_id:
                await register.forget(run_id)
        except Exception as error:
            logger.debug("%s: the run %s did not begin", self.name, run_id, exc_info=error)

    # How runs end that are open here

    def _stop_here(self, run_id: str) -> None:
        producer = self._producers.get(run_id)
        if producer is not None:
            producer.stop("stopped")

    def _fence_here(self, run_id: str) -> None:
        producer = self._producers.get(run_id)
        if producer is not None:
            producer.fence()

    def _forget(self, producer: Producer) -> None:
        del self._producers[producer.run_id]
        self._changed.notify()

    def _watch(self) -> None:
        """Ends the runs whose `max_duration` is over. One timer is enough: the first that began is the first due."""
        if self._timer is not None:
            return
        due = next((producer.due for producer in self._producers.values() if not producer.is_ending), None)
        if due is not None:
            seconds = max(due - monotonic(), GRAIN_SECONDS)
            self._timer = asyncio.get_running_loop().call_later(seconds, self._end_overdue)

    def _end_overdue(self) -> None:
        self._timer = None
        now = monotonic()
        for producer in self._producers.values():
            if producer.due > now:
                break
            producer.stop("expired", "max_duration")
        self._watch()


def make_register(store: Store, name: str, options: RunOptions) -> RunRegister:
    """Returns the register of runs in a store."""
    if isinstance(store, MemoryStore):
        return MemoryRegister(store, name, options)
    from jero.channels.redis import RedisStore  # both need the extra, as the store does
    from jero.runs.redis import RedisRegister

    if isinstance(store, RedisStore):
        return RedisRegister(store, name, options)
    raise TypeError(f"Runs(store={type(store).__name__}): runs are kept in a MemoryStore or a RedisStore.")


def _check(limits: RunLimits) -> None:
    """Raises `ValueError` if a limit is out of its bounds, and `TypeError` if it does not exist."""
    for name, value in limits.items():
        if name not in RunLimits.__annotations__:
            instead = nearest(name, RunLimits.__annotations__) or ", ".join(RunLimits.__annotations__)
            raise TypeError(f"Runs({name}=...): this limit does not exist. Use {instead}.")
        if name.startswith("max_") and name != "max_duration":
            if not (isinstance(value, int) and value >= 1):
                raise ValueError(f"Runs({name}={value!r}): it must be a whole number, at least 1.")
        elif not (isinstance(value, int | float) and 0 < value < inf):
            raise ValueError(f"Runs({name}={value!r}): it must be a positive number of seconds.")


def _new_run(owner: str, key: str | None, request: object) -> NewRun:
    """Returns a run with a random id. The same request has the same hash, in whatever order its mappings are."""
    run_id = secrets.token_urlsafe(_ID_BYTES)
    if not key:
        return NewRun(id=run_id, owner=_hash(owner))
    content = request if isinstance(request, bytes) else _REQUESTS.encode(request)
    return NewRun(id=run_id, owner=_hash(owner), key=_hash(key), request=sha256(content).hexdigest())


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
