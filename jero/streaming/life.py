"""One stream's life, from its opening to the end of its body, in the task that owns its source."""

import asyncio
import logging
from time import monotonic

from jero.policy import EndReason, StreamOutcome
from jero.streaming.keepalive import Keepalive
from jero.streaming.outbox import Outbox
from jero.streaming.plan import StreamPlan
from jero.streaming.pump import Pump
from jero.streaming.sender import Sender
from jero.streaming.source import Source
from jero.streaming.time_limit import TimeLimit

logger = logging.getLogger("jero.streams")


class Life:
    """Deliver, tear down, finish, report: in this order, whatever ends the stream.

    `begun`: the task has started. `error`: what failed, if anything did. `is_unanswered`: it failed before the
    client was sent its status. `released`: done when all is over, or when a teardown that does not end has to be
    left to itself.
    """

    def __init__(self, plan: StreamPlan, sender: Sender) -> None:
        self._plan = plan
        self._sender = sender
        self._name = f"{plan.method} {plan.endpoint}"
        self._began = monotonic()
        self._outbox = Outbox(plan.framing, plan.encoder, plan.policy.chunk_bytes)
        self._source = Source(plan.stream)
        self._keepalive = Keepalive(plan, sender, self._lose_aside)
        self._pump = Pump(self._source, self._outbox, sender, listen=self._keepalive.listen, lose=self._lose)
        self._limit = TimeLimit(plan.policy.teardown_timeout, self.release)
        self._task: asyncio.Task[None] | None = None
        self._is_cancellable = False
        self._reason: EndReason | None = None
        self._is_cut_off = False
        self._items = 0
        self.begun = False
        self.error: BaseException | None = None
        self.released: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_unanswered(self) -> bool:
        """Whether the failure can still be answered with its true status."""
        return self._reason == "failed" and not self._sender.started and not self._is_cut_off

    async def run(self) -> None:
        """The whole life. It raises nothing: `error` holds what failed."""
        self.begun = True
        self._task = asyncio.current_task()
        await self._deliver()
        await self._tear_down()
        await self._finish()
        await self._report()
        self.release()

    def release(self) -> None:
        """Lets the request end."""
        if not self.released.done():
            self.released.set_result(None)

    def interrupt(self, reason: EndReason, error: BaseException | None = None) -> None:
        """Ends the stream from outside its task; a teardown that has begun goes on to its own end."""
        self._is_cut_off = self._pump.is_stopped = True
        if self._reason is None:
            self._reason, self.error = reason, error
        if self._is_cancellable and self._task is not None:
            self._is_cancellable = False
            self._bound()
            self._task.cancel()

    async def _deliver(self) -> None:
        if self._reason is None:
            self._is_cancellable = True
            try:
                await self._pump.run()
            except BaseException as error:
                self._end_with(error)
            self._is_cancellable = False
            self._forget_cancellation()
        self._keepalive.close()
        self._items = self._outbox.items
        self._reason = self._reason or "completed"
        if self._outbox and self._reason == "failed":
            await self._send(self._outbox.take(), more_body=True)

    async def _tear_down(self) -> None:
        self._bound()
        await self._source.close(self._outcome(), self._fail)
        self._unbound()

    async def _finish(self) -> None:
        closing = self._plan.framing.closing
        if self._reason == "completed":
            await self._send(closing, more_body=False)
        elif self._reason == "failed" and self._sender.started:
            last_item = await self._last_item()
            if last_item:
                await self._send(last_item + closing, more_body=False)
            elif closing:
                await self._send(closing, more_body=True)
        await self._sender.end_aside()

    async def _report(self) -> None:
        outcome = self._outcome()
        if outcome.error is not None and not self.is_unanswered:
            logger.error("%s: the stream failed after %d items", self._name, outcome.items, exc_info=outcome.error)
        self._bound()
        try:
            await self._plan.on_end(outcome)
        except BaseException:
            logger.exception("%s: _on_stream_end failed", self._name)
        self._unbound()

    async def _last_item(self) -> bytes:
        if self._is_cut_off or not isinstance(self.error, Exception):
            return b""
        self._bound()
        try:
            item = await self._plan.last_item(self.error)
            if item is not None:
                self._outbox.add(item)
        except BaseException:
            logger.exception("%s: the error's handler failed", self._name)
        self._unbound()
        return self._outbox.take()

    async def _send(self, body: bytes, *, more_body: bool) -> None:
        """Sends, unless nobody is there to take it; only the client's leaving breaks it off."""
        if self._is_cut_off:
            return
        self._is_cancellable = True
        try:
            await self._sender.send(body, more_body=more_body)
        except asyncio.CancelledError:
            self._is_cut_off = True
        except Exception as error:
            self._lose(error)
        self._is_cancellable = False
        self._unbound()

    def _lose(self, error: BaseException) -> None:
        """`send` raised: an `OSError` is how a server says that the client has left (ASGI HTTP, version 2.4)."""
        self._is_cut_off = self._pump.is_stopped = True
        if isinstance(error, OSError):
            self._reason = self._reason or "disconnected"
        else:
            self._fail(error)

    def _lose_aside(self, error: BaseException) -> None:
        if isinstance(error, OSError):
            self.interrupt("disconnected")
        else:
            self.interrupt("failed", error)

    def _end_with(self, error: BaseException) -> None:
        """What came out of the pump is an order to end that was obeyed, or a failure."""
        is_cancellation = isinstance(error, asyncio.CancelledError)
        if is_cancellation and self._task is not None and self._reason is None and self._task.cancelling():
            self._is_cut_off = True
            self._reason = "disconnected"
        elif not is_cancellation or self._reason is None or self._limit.is_over:
            self._fail(error)

    def _fail(self, error: BaseException) -> StreamOutcome:
        if isinstance(error, asyncio.CancelledError):
            error = self._limit.explain(error)
        if self.error is None:
            self._reason, self.error = "failed", error
        else:
            logger.error("%s: a further failure", self._name, exc_info=error)
        return self._outcome()

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

    def _outcome(self) -> StreamOutcome:
        first_item_at = self._outbox.first_item_at
        return StreamOutcome(
            reason=self._reason or "completed",
            error=self.error,
            items=self._items,
            bytes=self._sender.bytes,
            duration=monotonic() - self._began,
            first_item_after=None if first_item_at is None else first_item_at - self._began,
            endpoint=self._plan.endpoint,
            method=self._plan.method,
        )
