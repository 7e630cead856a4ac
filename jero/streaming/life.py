"""One stream's life, from its opening to the end of its body, in the task that owns its source."""

import asyncio
import contextvars
import logging
import random
from time import monotonic, time

from jero.errors import ServiceUnavailable
from jero.http.asgi import Send
from jero.policy import EndReason, StreamOutcome
from jero.streaming.delivery import deliver, prepare
from jero.streaming.keepalive import Keepalive
from jero.streaming.plan import StreamPlan
from jero.streaming.pump import Pump
from jero.streaming.release import Release
from jero.streaming.sender import Sender
from jero.streaming.source import close_unstarted
from jero.streaming.time_limit import TimeLimit

logger = logging.getLogger("jero.streams")

# A shutdown leaves this much time for a teardown that begins when the time to finish is over.
LAST_SECONDS = 0.5
# How long a server is given to see that a connection was dropped. (granian, which takes a response's end and its
# connection's end at one moment, can lock itself up while it goes down.)
LEAVE_SECONDS = 0.1


class Life(Release):
    """Deliver, tear down, finish, report: in this order, whatever ends the stream. Then it is released, or when a
    teardown does not end in time.

    `begun`: the task has started. `error`: what failed, if anything did. `context`: the stream's, also of its timers:
    each would copy one for itself.
    """

    __slots__ = (
        "_began",
        "_dropped",
        "_end_timer",
        "_frames",
        "_has_ended",
        "_is_cancellable",
        "_is_cut_off",
        "_is_draining",
        "_items",
        "_keepalive",
        "_loop",
        "_outbox",
        "_plan",
        "_pump",
        "_reason",
        "_sender",
        "_source",
        "_task",
        "_time_limit",
        "begun",
        "context",
        "error",
    )

    def __init__(self, plan: StreamPlan, send: Send) -> None:
        super().__init__()
        self._plan = plan
        self._began = monotonic()
        self._loop = asyncio.get_running_loop()
        self.context = contextvars.copy_context()
        self._sender = Sender(send, plan, self)
        self._source, self._frames, self._outbox = prepare(plan)
        self._keepalive = Keepalive(plan, self._sender, self)
        self._pump = Pump(self._outbox, self._sender)
        self._time_limit: TimeLimit | None = None
        self._task: asyncio.Task[None] | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self._is_cancellable = False
        self._has_ended = False
        self._is_draining = False
        self._reason: EndReason | None = None
        self._is_cut_off = False
        self._dropped: asyncio.Future[None] | None = None  # done when the server has seen it
        self._items = 0
        self.begun = False
        self.error: BaseException | None = None

    @property
    def to_raise(self) -> BaseException | None:
        """What the caller is to have of a life that is over: an order to the process, or what it can still answer."""
        if self.error is not None and not isinstance(self.error, Exception):
            return self.error
        return self.unanswered

    @property
    def unanswered(self) -> BaseException | None:
        """What the caller can still answer with its true status, for nothing was sent."""
        if self._sender.started or self._is_cut_off:
            return None
        if self._reason in ("expired", "shutdown"):
            return ServiceUnavailable("The stream was ended before it began.", headers={"Retry-After": "1"})
        return self.error

    async def run(self) -> None:
        """The whole life. It raises nothing: `error` holds what failed."""
        self.begun = True
        self._task = asyncio.current_task()
        if self._may_begin():
            try:
                await deliver(self._plan, self._source, self._outbox, self._pump, self.context)
            except BaseException as error:
                self._end_with(error)
        else:
            await close_unstarted(self._plan.stream)
        await self._send_rest()
        await self._tear_down()
        await self._finish()
        await self.report()
        if self._dropped is not None:
            await asyncio.wait((self._dropped,), timeout=LEAVE_SECONDS)
        self.release()

    def dissolve(self) -> None:
        """Lets go of its parts when all is over. They know it as it knows them: each stream would leave a cycle, with
        its connection in it, for the garbage collector.
        """
        del self._sender, self._keepalive, self._pump, self._time_limit, self._source, self._end_timer, self._task
        self.error = None

    def interrupt(self, reason: EndReason, error: BaseException | None = None) -> None:
        """Ends the stream from outside its task; a teardown that has begun goes on to its own end.

        A client that left, or that takes nothing, is sent nothing more. What is left to send of a source that has
        ended by itself is broken off for no other reason.
        """
        if reason in ("disconnected", "stalled"):
            self._cut_off()
        if reason == "disconnected" and self._dropped is not None and not self._dropped.done():
            self._dropped.set_result(None)
        if self._has_ended and not self._is_cut_off:
            return
        if self._reason is None:
            # While it goes down it is the server that closes connections, or cancels requests.
            self._reason = "shutdown" if reason == "disconnected" and self._is_draining else reason
            self.error = error
        self._pump.stop(is_cut_off=self._is_cut_off)
        if self._is_cancellable and self._task is not None:
            self._is_cancellable = False
            self._bound()
            if asyncio.current_task() is not self._task:  # it is its own pump that says so, and ends by itself
                self._task.cancel()

    def shut_down(self) -> None:
        """The server is going down: a stream whose client comes back by itself ends now, another may finish first."""
        self._is_draining = True
        time_left = self._plan.policy.drain_timeout
        if self._plan.farewell is not None:
            self._limit.shorten(time_left)
            self.interrupt("shutdown")
            return
        self._limit.shorten(time_left + LAST_SECONDS)
        self._end_after(time_left, "shutdown")

    def _may_begin(self) -> bool:
        """Starts the timers, unless it was told to end before it began."""
        if self._reason is not None:
            return False
        max_duration, expires_at = self._plan.policy.max_duration, self._plan.expires_at
        if max_duration is not None:
            part = random.uniform(0.9, 1.0)  # noqa: S311 - it spreads a crowd, and is no secret
            self._end_after(max_duration * part, "expired")
        if expires_at is not None:
            self._end_after(expires_at - time(), "expired")
        self._keepalive.listen()
        self._is_cancellable = True
        return True

    async def _send_rest(self) -> None:
        """The source has ended, by itself or as it was told."""
        self._is_cancellable = False
        self._forget_cancellation()
        self._has_ended = True
        self._keepalive.close()
        self._items = self._frames.items
        if self._outbox.buffer:
            await self._send(self._outbox.take(), more_body=True)
        self._reason = self._reason or "completed"

    async def _tear_down(self) -> None:
        self._bound()
        await self._source.close(self._outcome(), self._fail)
        self._unbound()

    async def _finish(self) -> None:
        plan = self._plan
        if self._reason == "completed":
            await self._send(plan.framing.closing, more_body=False)
        elif self._reason == "failed" and self._sender.started:
            last_item = await self._last_item()
            if last_item or plan.framing.closing:
                await self._send(last_item + plan.framing.closing, more_body=not last_item)
        elif self._reason in ("expired", "shutdown") and plan.farewell is not None:
            await self._send(plan.farewell(self._reason) + plan.framing.closing, more_body=False)
        await self._sender.end_aside()

    async def report(self) -> None:
        """Tells of the outcome, once. (One that never began counts as disconnected.)"""
        self._reason = self._reason or "disconnected"
        if self._end_timer is not None:
            self._end_timer.cancel()
        outcome = self._outcome()
        if outcome.error is not None and self.unanswered is None:
            logger.error("%s: the stream failed after %d items", self._name(), outcome.items, exc_info=outcome.error)
        self._bound()
        try:
            await self._plan.on_end(outcome)
        except BaseException:
            logger.exception("%s: _on_stream_end failed", self._name())
        self._unbound()

    async def _last_item(self) -> bytes:
        if self._is_cut_off or not isinstance(self.error, Exception):
            return b""
        self._bound()
        try:
            item = await self._plan.last_item(self.error)
            if item is not None:
                self._frames.add(item)
        except BaseException:
            logger.exception("%s: the error's handler failed", self._name())
        self._unbound()
        return self._frames.take()

    async def _send(self, body: bytes, *, more_body: bool) -> None:
        """Sends, unless nobody is there to take it; only the client's leaving breaks it off."""
        if self._is_cut_off:
            return
        self._is_cancellable = True
        try:
            await self._sender.send(body, more_body=more_body)
        except asyncio.CancelledError:
            self._cut_off()
        except Exception as error:
            self._is_cancellable = False
            self.lose(error)
        self._is_cancellable = False
        self._unbound()

    def _cut_off(self) -> None:
        self._is_cut_off = True
        self._pump.stop(is_cut_off=True)

    def lose(self, error: BaseException) -> None:
        """`send` raised: an `OSError` is how a server says that the client has left (ASGI HTTP, version 2.4)."""
        self._cut_off()
        if isinstance(error, OSError):
            self.interrupt("disconnected")
        else:
            self.interrupt("failed", error)

    def overrun(self) -> None:
        """The teardown, or a source that was told to end, has used up its time: nothing is expected of it any more."""
        self._drop_blocked()
        self._cut_off()
        self._outbox.close()

    def _end_with(self, error: BaseException) -> None:
        """What came out of the pump is an order to end that was obeyed, or a failure."""
        is_cancellation = isinstance(error, asyncio.CancelledError)
        if is_cancellation and self._task is not None and self._reason is None and self._task.cancelling():
            self.interrupt("disconnected")
        elif not is_cancellation or self._reason is None or self._limit.is_over:
            self._fail(error)

    def _fail(self, error: BaseException) -> StreamOutcome:
        if isinstance(error, asyncio.CancelledError):
            error = self._limit.explain(error)
        if self.error is None:
            self._reason, self.error = "failed", error
        else:
            logger.error("%s: a further failure", self._name(), exc_info=error)
        return self._outcome()

    def _end_after(self, seconds: float, reason: EndReason) -> None:
        """Of several such ends the first counts."""
        due = self._loop.time() + seconds
        if self._end_timer is not None:
            if self._end_timer.when() <= due:
                return
            self._end_timer.cancel()
        self._end_timer = self._loop.call_at(due, self._time_is_over, reason, context=self.context)

    def _time_is_over(self, reason: EndReason) -> None:
        if reason == "shutdown":
            self._drop_blocked()
        self.interrupt(reason)

    def stall(self) -> None:
        """The client does not take what it is being sent."""
        self._drop_blocked()
        self.interrupt("stalled")

    def _drop_blocked(self) -> None:
        """A client that does not take what it is being sent is not waited for any longer."""
        if self._sender.busy:
            self._cut_off()
            if self._plan.drop() and self._dropped is None:
                self._dropped = self._loop.create_future()

    @property
    def _limit(self) -> TimeLimit:
        if self._time_limit is None:  # not before it is needed: many streams are idle
            self._time_limit = TimeLimit(self._plan.policy.teardown_timeout, self)
        return self._time_limit

    def _bound(self) -> None:
        """From now on the time of `teardown_timeout` runs, for what must not go on for ever."""
        if self._task is not None:
            self._limit.start(self._task)

    def _unbound(self) -> None:
        self._limit.stop()
        self._forget_cancellation()

    def _forget_cancellation(self) -> None:
        # An order to end has been obeyed: left counted, it would mislead timeouts and task groups of the teardown.
        while self._task is not None and self._task.cancelling():
            self._task.uncancel()

    def _name(self) -> str:
        return f"{self._plan.method} {self._plan.endpoint}"

    def _outcome(self) -> StreamOutcome:
        first_item_at = self._frames.first_item_at
        return StreamOutcome(
            reason=self._reason or "completed",
            error=self.error,
            items=self._items,
            bytes=self._sender.bytes_sent,
            duration=monotonic() - self._began,
            first_item_after=None if first_item_at is None else first_item_at - self._began,
            endpoint=self._plan.endpoint,
            method=self._plan.method,
        )
