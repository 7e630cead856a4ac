"""Runs the source of one run to its end, and writes what it yields, whoever listens."""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

from msgspec import UNSET, Struct

from jero.channels.channel import Values
from jero.channels.event import Payload
from jero.channels.store import ChannelUnavailable
from jero.errors import HTTPError, problem_of, ungrouped
from jero.policy import EndReason, StreamOutcome
from jero.runs.end import Limit, Outcome, RunEnd
from jero.runs.items import Entries
from jero.runs.register import Fenced, RunOptions, RunRegister
from jero.streaming.limits import TeardownLimit
from jero.streaming.source import MISSING, close_unstarted

# Theory of operation
# -------------------
#
# One task pulls the source, and waits until the store has each item before it pulls the next. So a producer runs ahead
# of the store by nothing, and a store that is away holds it back.
#
# A run ends by itself, or because it is told to: `stop` decides why, and cancels the task once, in the source or while
# the store is awaited. What follows is the same: the source is closed, with the reason; then the end is written. A
# failure of the source or of its teardown replaces a reason that was decided before. After `TEARDOWN_SECONDS` the
# teardown is cancelled, and at last left alone; the end is written in any case.

TEARDOWN_SECONDS: Final = 10.0

logger = logging.getLogger("jero.runs")

_OUTCOMES: Final[dict[EndReason, Outcome]] = {
    "completed": "completed",
    "stopped": "stopped",
    "shutdown": "shutdown",
}


class OverLimit(Exception):
    """A run has more items, or more bytes, than it may. `limit`: which of them."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(f"the run went over {limit}")
        self.limit: Limit = limit


class Production(Struct, frozen=True):
    """Contains what the producers of one `Runs` share. `on_over` is called with each of them when its run has ended."""

    name: str
    register: RunRegister
    values: Values[Any]
    options: RunOptions
    on_over: "Callable[[Producer], None]"


class Producer:
    """The source of one run. `owner`: the hash of its owner. `due`: the time when `max_duration` is over.

    Times are of `time.monotonic`.
    """

    __slots__ = (
        "_bytes",
        "_ending",
        "_entries",
        "_error",
        "_finishing",
        "_first_item_after",
        "_is_fenced",
        "_is_over",
        "_is_producing",
        "_items",
        "_limit",
        "_production",
        "_started_at",
        "_stream",
        "_task",
        "_teardown",
        "due",
        "owner",
        "run_id",
    )

    def __init__(self, run_id: str, owner: str, stream: Any, production: Production) -> None:
        self.run_id = run_id
        self.owner = owner
        self._production = production
        self._stream = stream
        self._entries = Entries(stream, production.values)
        self._started_at = monotonic()
        self.due = self._started_at + production.options.max_duration
        self._ending: EndReason | None = None
        self._limit: Limit | None = None
        self._error: BaseException | None = None
        self._items = 0
        self._bytes = 0
        self._first_item_after: float | None = None
        self._is_fenced = False
        self._is_over = False
        self._is_producing = False
        self._finishing: asyncio.Task[None] | None = None
        self._teardown = TeardownLimit(TEARDOWN_SECONDS, contextvars.copy_context(), _do_nothing, self._abandon)
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"{production.name} {run_id}")

    @property
    def is_ending(self) -> bool:
        """Returns whether it is decided how the run ends."""
        return self._ending is not None

    def stop(self, ending: EndReason, limit: Limit | None = None) -> None:
        """Ends the run for a reason from outside, unless it ends already."""
        if self._ending is not None:
            return
        self._ending, self._limit = ending, limit
        if limit is not None:
            self._log_limit(limit)
        if not self._is_producing:  # its first step sees it
            return
        self._teardown.start(self._task)
        if asyncio.current_task() is self._task:
            # A task that cancels itself is cancelled wherever it next waits, which may be in the teardown.
            asyncio.get_running_loop().call_soon(self._cancel_source)
        else:
            self._task.cancel()

    def fence(self) -> None:
        """Ends the run because it has ended for everybody else."""
        self._is_fenced = True
        self.stop("failed")

    def _cancel_source(self) -> None:
        if self._is_producing:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            if self._ending is None:
                self._is_producing = True
                await self._produce()
            else:
                await close_unstarted(self._stream)
        except BaseException as error:
            self._raised(error)
        self._is_producing = False
        if self._ending is None:
            self._ending = "completed"
        self._forget_cancellation()
        self._teardown.start(self._task)
        await self._entries.source.close(self._outcome, self._fail)
        self._teardown.stop()
        self._forget_cancellation()
        await self._finish()
        try:
            if self._error is not None and not isinstance(self._error, Exception):
                raise self._error  # an order to the process
        finally:
            self._error = None  # its traceback refers to this frame
            del self._teardown, self._entries  # the limit refers to the producer, and so may the source

    async def _produce(self) -> None:
        """Writes all items. Raises what the source raises."""
        source, payloads_of = self._entries.source, self._entries.payloads_of
        items = await source.open()
        if source.first is not MISSING:
            await self._write(payloads_of(source.first))
        async for item in items:
            await self._write(payloads_of(item))
            if self._ending is not None:  # a source may ignore that it is cancelled
                raise asyncio.CancelledError

    async def _write(self, payloads: Sequence[Payload]) -> None:
        """Appends items up to the limits. Raises `OverLimit` if there are more."""
        if not payloads:
            return
        if self._first_item_after is None:
            self._first_item_after = monotonic() - self._started_at
        options, fitting, over = self._production.options, 0, None
        for payload in payloads:
            self._bytes += payload.size_of_event()
            if self._items + fitting >= options.max_items or self._bytes > options.max_bytes:
                over = OverLimit("max_bytes" if self._bytes > options.max_bytes else "max_items")
                break
            fitting += 1
        if fitting:
            kept = payloads if over is None else payloads[:fitting]
            await self._production.register.append(self.run_id, self._items + 1, kept)
            self._items += fitting
        if over is not None:
            raise over

    def _raised(self, error: BaseException) -> None:
        """Decides whether what came out of the source is a stop that was obeyed, or a failure."""
        is_cancellation = isinstance(error, asyncio.CancelledError)
        if isinstance(error, Fenced):
            self._is_fenced = True
            self._ending = self._ending or "failed"
        elif is_cancellation and self._ending is None and self._task.cancelling():
            self._ending = "shutdown"  # the task was cancelled, as at the end of the event loop
        elif not is_cancellation or self._ending is None or self._teardown.is_exhausted:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Takes an error of the source or of its teardown: the first one counts, and each is logged."""
        if isinstance(error, asyncio.CancelledError):
            error = self._teardown.explain(error)
        if self._error is None:
            self._ending, self._error = "failed", error
            self._limit = error.limit if isinstance(error, OverLimit) else None
        if isinstance(error, OverLimit):
            self._log_limit(error.limit)
        elif isinstance(ungrouped(error), HTTPError):  # its problem is told to followers, and says everything
            logger.warning("%s failed after %d items: %s", self._title, self._items, ungrouped(error))
        else:
            logger.error("%s failed after %d items", self._title, self._items, exc_info=error)

    def _log_limit(self, limit: Limit) -> None:
        logger.warning("%s failed after %d items: it went over %s", self._title, self._items, limit)

    @property
    def _title(self) -> str:
        return f"{self._production.name}: the run {self.run_id}"

    def _abandon(self) -> None:
        """Ends the run although its source is not closed."""
        self._fail(TimeoutError("the teardown did not end in time"))
        self._finishing = asyncio.get_running_loop().create_task(self._finish())

    async def _finish(self) -> None:
        """Writes the end, once. If the store does not answer until the lease is over, the run ends as lost."""
        if self._is_over:
            return
        self._is_over = True
        production = self._production
        try:
            async with asyncio.timeout(production.options.lost_after):
                await production.register.end(self.run_id, self._end().payload())
            if self._is_fenced:
                logger.warning("%s: the run %s ended as lost: its lease was over", production.name, self.run_id)
        except (TimeoutError, ChannelUnavailable):
            logger.exception("%s: the end of the run %s was not stored", production.name, self.run_id)
        finally:
            production.on_over(self)

    def _end(self) -> RunEnd:
        """Returns how the run ended."""
        outcome = _OUTCOMES.get(self._ending or "completed", "failed")
        if outcome != "failed":
            return RunEnd(outcome=outcome)
        if self._limit is not None:
            return RunEnd(outcome=outcome, limit=self._limit)
        if self._error is None:
            return RunEnd(outcome=outcome)
        error = ungrouped(self._error)
        headers = error.headers if isinstance(error, HTTPError) else None
        return RunEnd(outcome=outcome, problem=problem_of(error), headers=headers or UNSET)

    def _forget_cancellation(self) -> None:
        while self._task.cancelling():
            self._task.uncancel()

    def _outcome(self) -> StreamOutcome:
        return StreamOutcome(
            reason=self._ending or "completed",
            error=self._error,
            items=self._items,
            bytes=self._bytes,
            duration=monotonic() - self._started_at,
            first_item_after=self._first_item_after,
            endpoint=self._production.name,
            method="",
        )


def _do_nothing() -> None:
    """Takes the end of the time of a teardown: nobody else waits for it."""
