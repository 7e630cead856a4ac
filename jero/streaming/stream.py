"""Runs one stream, from the opening of its source to the end of its body, in the task that owns the source.

Theory of operation. A stream does six things, in this order, whatever ends it: it reports its start, delivers the
items, sends what is left in the buffer, tears the source down, ends the body, and reports its outcome.

It can end in these ways. The source ends, and the stream is "completed"; the end of the body is sent after the teardown
has succeeded. The source, the encoding of an item, or the teardown raises, and the stream is "failed". Or it is stopped
from outside: the client leaves ("disconnected") or takes nothing ("stalled"), a time is over ("expired"), the server
shuts down ("shutdown"), or it, or what it relays, was stopped ("stopped"). A stop cancels the source once, at the await
where it waits, and gives it `teardown_timeout` seconds. Except for "completed", and for a final frame, the body is not
ended: the server cuts the transfer.

These invariants hold:

- `state` changes in state.py alone; `_apply` reports an event to it and cancels what the table says.
- One task steps the source: the stream's own. Other code enters it only through `Push.deliver`, while it waits.
- One writer at a time: the pump and the end of the body send in the stream's task; the keepalive sends aside, while
  that task waits for the source, and each further send waits for it.
- The pump's fast path holds on to the bytearray of `FrameBuffer`. It is cleared and never replaced.
- Look before you wait: who waits for a future has looked at the state before, with no await in between.
- A stream makes no timer before its first pause, since nothing else can run until then. `arm` makes them.
"""
# Over 450 lines: a stream is one thing, and its order is read in one file.

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from functools import partial
from time import monotonic, time
from typing import Any

from jero.errors import ClientDisconnected, Gone, ServiceUnavailable
from jero.framing.framing import NotCompleted
from jero.framing.raw import RAW
from jero.http.asgi import Scope, Send, report_error
from jero.policy import EndReason, OpenStream, StreamOutcome
from jero.streaming.buffer import FrameBuffer
from jero.streaming.hooks import add_last, add_last_item, report_start
from jero.streaming.limits import LAST_SECONDS, LEAVE_SECONDS, TeardownLimit
from jero.streaming.plan import StreamKind, StreamPlan
from jero.streaming.pump import Pump, framed_fast, pull_fast, pull_items
from jero.streaming.push import Push
from jero.streaming.send import Keepalive, Sender
from jero.streaming.source import Source, SourceKind, close_unstarted, source_kind
from jero.streaming.state import BEGIN, FLUSHED, REPORTED, SOURCE_ENDED, TORN_DOWN, Event, Phase, StreamState
from jero.streaming.threaded import ThreadedSource
from jero.streaming.turns import Turns

logger = logging.getLogger("jero.streams")


class Stream:
    """One response whose body is sent as its source yields.

    `state`: its phase, ending and client. `began`: a time of `time.monotonic`. `context`: the stream's, also for its
    timers: each would copy one for itself. `error`: what failed, if anything did. `to_raise`: after the end, what the
    request has to raise. `is_over`: the request may end; then `on_over` is called. A stream whose teardown does not end
    in time is over, too. `is_cut`: it is over, and its body has begun and was not ended.
    """

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_dropped",
        "_end_timer",
        "_frames",
        "_has_paused",
        "_is_bounded",
        "_is_sending",
        "_items",
        "_keepalive",
        "_limit",
        "_loop",
        "_plan",
        "_pulling",
        "_pump",
        "_sender",
        "_source",
        "_source_kind",
        "_task",
        "_turns",
        "began",
        "context",
        "error",
        "is_cut",
        "is_over",
        "on_over",
        "server_send",
        "state",
        "to_raise",
    )

    def __init__(self, plan: StreamPlan, send: Send, turns: Turns, context: Context | None = None) -> None:
        kind = plan.kind
        self._plan = plan
        self.began = monotonic()
        self._loop = asyncio.get_running_loop()
        self.context = copy_context() if context is None else context
        self.state = StreamState()
        self.server_send = send
        self._turns = turns
        self._sender = Sender(send, plan, self.context, self._send_failed, self._stall)
        # `_frames` is where items are framed, `_buffer` where framed bytes wait to be sent.
        self._frames = self._buffer = FrameBuffer(kind.framing, kind.encoder, kind.policy.chunk_bytes)
        self._source_kind = source_kind(plan.source)
        if self._source_kind is SourceKind.SYNCHRONOUS:  # its items are framed in its thread, which yields chunks
            self._frames = FrameBuffer(kind.framing, kind.encoder, kind.policy.chunk_bytes)
            self._buffer = FrameBuffer(RAW, kind.encoder, kind.policy.chunk_bytes)
            threaded = ThreadedSource(plan.source, self._frames, plan.on_thread_end)
            self._source = Source(threaded, SourceKind.ITERABLE, plan.dependencies)
        else:
            self._source = Source(plan.source, self._source_kind, plan.dependencies)
        self._pulling: Any = None
        self._pump = Pump(self._buffer, self._sender, self.state, turns)
        self._keepalive: Keepalive | None = None
        self._limit: TeardownLimit | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._dropped: asyncio.Future[None] | None = None  # resolved when the server has seen it
        self._has_paused = False
        self._is_bounded = False
        self._is_sending = False
        self._items = 0
        self.error: BaseException | None = None
        self.to_raise: BaseException | None = None
        self.is_over = False
        self.on_over: Callable[[], None] | None = None

    @property
    def name(self) -> str:
        """Returns the name of the stream's task."""
        return self._plan.kind.name

    @property
    def scope(self) -> Scope:
        """Returns the scope of the request."""
        return self._plan.scope

    async def run(self) -> None:
        """Runs the stream. Raises nothing: `error` and `to_raise` contain what failed."""
        if self._task is None:
            self._task = asyncio.current_task()
        try:
            try:
                if self._plan.kind.on_start is not None:
                    await self._report_start()
                if self.state.ending is None:
                    self.state.apply(BEGIN)
                    await self._deliver()
                elif self._source_kind is SourceKind.SYNCHRONOUS:  # `Source.close` closes its thread, and the others
                    await close_unstarted(self._plan.source)
            except BaseException as error:
                self._source_raised(error)
            await self._flush()
            self._start_limit()
            await self._source.close(self._outcome, self._fail)
            self._stop_limit()
            if self._plan.last is not None and self.state.ending == "completed":
                self._items += add_last(self._plan, self._outcome(), self._buffer, self._fail)
            self.state.apply(TORN_DOWN)
            try:
                await self._finish()
            finally:  # the task may be cancelled a second time at the end of the event loop
                await self._report()
            if self._dropped is not None:
                await asyncio.wait((self._dropped,), timeout=LEAVE_SECONDS)
        finally:
            self._end()
        # The parts refer to the stream, and the stream to them: without this the garbage collector had to free both.
        del self._sender, self._pump, self._pulling, self._keepalive, self._limit, self._source, self._end_timer
        self._task = self.error = None

    def arm(self) -> None:
        """Starts the timers. It is called when the stream first pauses, in the same turn of the event loop."""
        self._has_paused = True
        if self._is_bounded:
            self._start_limit()
        if self.state.phase > Phase.PULLING:
            return
        policy, expires_at = self._plan.kind.policy, self._plan.expires_at
        if policy.max_duration is not None:
            part = random.uniform(0.9, 1.0)  # noqa: S311 - spreads the clients over time, and is not a secret
            self._end_after(policy.max_duration * part, "expired")
        if expires_at is not None:
            self._end_after(expires_at - time(), "expired")
        if self.state.phase is Phase.PULLING:
            self._source.when_set_up(self._start_keepalive)

    def stop(self, ending: EndReason) -> None:
        """Stops the stream from outside, for the reason `ending`. What its source has yielded is still sent."""
        self._apply(Event.STOPPED, ending)

    def client_left(self) -> None:
        """Stops the stream: the client left, or the request was cancelled. What is under way is broken off."""
        if self._dropped is not None and not self._dropped.done():
            self._dropped.set_result(None)
        self._apply(Event.CLIENT_LEFT)

    def drain(self) -> None:
        """Ends the stream because the server shuts down.

        If clients of this format reconnect, it ends now. Any other stream has `drain_timeout` seconds to finish.
        """
        if self.state.phase is Phase.OVER:
            return
        self.state.drain()
        seconds = self._plan.kind.policy.drain_timeout
        if self._plan.kind.final_frame is not None:
            self._teardown_limit().shorten(seconds)
            self.stop("shutdown")
            return
        self._teardown_limit().shorten(seconds + LAST_SECONDS)
        self._end_after(seconds, "shutdown")

    def _deliver(self) -> Awaitable[None]:
        """Sends the items in the way that is shortest for their source. Raises what the source raises."""
        plan, pump = self._plan, self._pump
        if self._source_kind is SourceKind.FRAMED:
            return Push(pump, self._buffer, plan.kind.framing, self.context).drive(self._source)
        if plan.kind.fast_path is None or self._source_kind is SourceKind.SYNCHRONOUS:
            return pump.drive(pull_items(self._source, self._buffer))
        self._pulling = pull_fast(self._source, self._buffer, plan.kind.fast_path)
        return pump.drive(self._pulling)

    async def _report_start(self) -> None:
        """Calls `on_start`. Only its time breaks it off, so that it is as sure to end as the call of `on_end`."""
        self._start_limit()
        await report_start(self._plan.kind)
        was_late = self._limit is not None and self._limit.renew()
        was_cancelled = self._task is not None and self._task.cancelling() > 0 and not was_late
        self._stop_limit()
        if was_cancelled or self.is_over:  # at the end of the event loop, or because the hook was given up
            self._apply(Event.CLIENT_LEFT)
        elif self._has_paused and self.state.ending is None:
            self._source.when_set_up(self._start_keepalive)

    def _start_keepalive(self) -> None:
        self._keepalive = Keepalive(self._plan, self._sender)

    async def _flush(self) -> None:
        """Sends what is left in the buffer after the source has ended."""
        if self._has_paused:
            self._forget_cancellation()
        self.state.apply(SOURCE_ENDED)
        if self._keepalive is not None:
            self._keepalive.close()
        self._items = self._frames.items
        if self._buffer.buffer:
            await self._send(self._buffer.take(), more_body=True)
        self.state.apply(FLUSHED)

    async def _finish(self) -> None:
        """Ends the body if the stream is complete, or if its client has to read why it was cut short."""
        kind, ending = self._plan.kind, self.state.ending
        closing = kind.framing.closing
        if ending == "completed":
            last = self._buffer.take() if self._plan.last is not None else b""
            await self._send(last + closing, more_body=False)
        elif ending == "failed" and self._sender.started:
            last_item = await self._last_item()
            if last_item:
                bracket = closing if kind.framing.opening else b""
                await self._send(last_item + bracket, more_body=False)
            elif kind.close_on_error:
                await self._send(closing, more_body=True)
        elif ending in ("expired", "shutdown", "stopped") and kind.final_frame is not None:
            await self._send(kind.final_frame(ending), more_body=False)
        await self._sender.end_aside()

    async def _last_item(self) -> bytes:
        """Returns what `on_error` makes of the error, framed; nothing if it makes nothing, or fails."""
        on_error = self._plan.on_error
        if on_error is None or self.state.client_is_gone or not isinstance(self.error, Exception):
            return b""
        self._start_limit()
        await add_last_item(self._plan.kind, self._frames, on_error, self.error)
        self._stop_limit()
        return self._frames.take()

    async def _report(self) -> None:
        """Passes the outcome to `on_end`, once, and logs a failure that the request cannot answer."""
        if self._end_timer is not None:
            self._end_timer.cancel()
        kind, outcome, answer = self._plan.kind, self._outcome(), self._answer()
        if outcome.error is not None and answer is None and not isinstance(outcome.error, NotCompleted):
            report_error(self.scope, outcome.error)
            logger.error("%s: the stream failed after %d items", kind.label, self._items, exc_info=self.error)
        is_order = self.error is not None and not isinstance(self.error, Exception)
        self.to_raise = self.error if is_order else answer  # an order to the process is always raised
        self._start_limit()
        await report_outcome(kind, outcome)
        del outcome, answer  # the traceback of an error refers to this frame
        self._stop_limit()
        self.state.apply(REPORTED)

    def _answer(self) -> BaseException | None:
        """Returns what the request can still answer with its true status, because nothing was sent."""
        if self._sender.started or self.state.client_is_gone:
            return None
        if self.state.ending in ("expired", "shutdown"):
            return ServiceUnavailable("The stream was ended before it began.", headers={"Retry-After": "1"})
        if self.state.ending == "stopped":
            return Gone("The stream was stopped before it began.")
        return self.error

    def _end(self) -> None:
        """Lets the request end."""
        if not self.is_over:
            self.is_over = True
            self.is_cut = self._dropped is None and self._sender.started and not self._sender.has_ended
            if self.on_over is not None:
                self.on_over()

    async def _send(self, body: bytes, *, more_body: bool) -> None:
        """Sends `body`, unless the client is gone. Nothing but the client's leaving breaks that off."""
        if self.state.client_is_gone:
            return
        self._is_sending = True
        try:
            await self._sender.send(body, more_body=more_body)
        except asyncio.CancelledError:
            self._is_sending = False
            self._apply(Event.CLIENT_LEFT)
        except Exception as error:
            self._is_sending = False
            self._send_failed(error)
        self._is_sending = False
        self._stop_limit()

    def _apply(self, event: Event, ending: EndReason | None = None, error: Exception | None = None) -> None:
        """Reports an event to the state, and cancels what the table says."""
        state, task = self.state, self._task
        was_open, was_there = state.ending is None, not state.client_is_gone
        cancelled = state.apply(event, ending)
        if error is not None:
            if was_open and state.ending is not None:
                self.error = error
            elif error is not self.error:
                logger.error("%s: a further failure", self._plan.kind.label, exc_info=error)
        if was_there and state.client_is_gone:
            self._buffer.close()
        if cancelled is None or task is None or (cancelled == "send" and not self._is_sending):
            return
        self._is_sending = False
        self._start_limit()
        if asyncio.current_task() is not task:  # its own pump reports the event, and ends without it
            task.cancel()

    def _source_raised(self, error: BaseException) -> None:
        """Decides whether what came out of the pump is a stop that was obeyed, or a failure."""
        state = self.state
        is_cancellation = isinstance(error, asyncio.CancelledError)
        if isinstance(error, ClientDisconnected):  # a source that reads the request body may notice it first
            self._apply(Event.CLIENT_LEFT)
        elif isinstance(error, NotCompleted) and error.reason != "failed":
            self._apply(Event.STOPPED, error.reason)
        elif is_cancellation and state.ending is None and self._task is not None and self._task.cancelling():
            self._apply(Event.CLIENT_LEFT)  # the stream's own task was cancelled, as at the end of the event loop
        elif not is_cancellation or state.ending is None or (self._limit is not None and self._limit.is_exhausted):
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Takes an error of the source or of its teardown: the first one counts, each further one is logged."""
        if isinstance(error, asyncio.CancelledError):
            error = self._teardown_limit().explain(error)
        if self.error is None:
            self.state.apply(Event.RAISED)
            self.error = error
        else:
            logger.error("%s: a further failure", self._plan.kind.label, exc_info=error)

    def _send_failed(self, error: Exception) -> None:
        """Takes an error of `send`. OSError reports that the client left (ASGI HTTP 2.4); uvloop raises others."""
        if isinstance(error, OSError) or self._plan.kind.has_left(self.scope, self.server_send):
            self._apply(Event.CLIENT_LEFT)
        else:
            self._apply(Event.SEND_FAILED, error=error)

    def _stall(self) -> None:
        """Stops the stream in one of the next turns: the client does not take what is being sent."""
        stall = partial(self._stall_unless_taken, self._sender.bytes_sent)
        self._turns.spread(self._loop.call_soon, stall, self.context)

    def _stall_unless_taken(self, taken: int) -> None:
        if not self.is_over and self._sender.is_busy and self._sender.bytes_sent == taken:
            self._drop_blocked()
            self._apply(Event.STALLED)

    def _teardown_timed_out(self) -> None:
        """Gives up on the client, so that a teardown that is late does not wait for it as well."""
        self._drop_blocked()
        self._apply(Event.OUT_OF_TIME)

    def _drop_blocked(self) -> None:
        """Drops the connection if a send waits for the client."""
        drop = self._plan.kind.drop_connection
        if self._sender.is_busy and self._dropped is None and drop(self.scope, self.server_send, self.began):
            self._dropped = self._loop.create_future()

    def _end_after(self, seconds: float, ending: EndReason) -> None:
        """Stops the stream after `seconds`. Of several such times the earliest counts."""
        due = self._loop.time() + seconds
        if self._end_timer is not None:
            if self._end_timer.when() <= due:
                return
            self._end_timer.cancel()
        self._end_timer = self._loop.call_at(due, self._time_is_over, ending, context=self.context)

    def _time_is_over(self, ending: EndReason) -> None:
        if ending == "shutdown" and self._sender.is_busy:  # no time is left to wait for a slow client
            self._drop_blocked()
            self._apply(Event.STALLED, ending)
        else:
            self.stop(ending)

    def _start_limit(self) -> None:
        """Starts the time of `teardown_timeout`. Before the first pause it is only noted: `arm` starts it."""
        self._is_bounded = True
        if self._has_paused and self._task is not None:
            self._teardown_limit().start(self._task)

    def _stop_limit(self) -> None:
        self._is_bounded = False
        if self._has_paused:
            if self._limit is not None:
                self._limit.stop()
            self._forget_cancellation()

    def _teardown_limit(self) -> TeardownLimit:
        if self._limit is None:
            seconds = self._plan.kind.policy.teardown_timeout
            self._limit = TeardownLimit(seconds, self.context, self._teardown_timed_out, self._end)
        return self._limit

    def _forget_cancellation(self) -> None:
        # A stop was obeyed. If it stayed counted, it would mislead timeouts and task groups of the teardown.
        while self._task is not None and self._task.cancelling():
            self._task.uncancel()

    def report(self) -> OpenStream:
        """Returns how the stream is now. It must not be over."""
        kind, sender, scope = self._plan.kind, self._sender, self.scope
        client = scope.get("client")
        return OpenStream(
            id=f"{id(self):x}-{int(self.began * 1e6):x}",
            endpoint=kind.endpoint,
            method=kind.method,
            path=scope["path"],
            client=None if client is None else (str(client[0]), int(client[1] or 0)),
            items=self._items or self._frames.items + framed_fast(self._pulling),
            bytes=sender.bytes_sent,
            age=monotonic() - self.began,
            blocked_for=self._loop.time() - sender.last_sent if sender.is_busy else None,
        )

    def _outcome(self) -> StreamOutcome:
        first_item_at = self._frames.first_item_at
        return StreamOutcome(
            reason=self.state.ending or "completed",
            error=self.error,
            items=self._items,
            bytes=self._sender.bytes_sent,
            duration=monotonic() - self.began,
            first_item_after=None if first_item_at is None else first_item_at - self.began,
            endpoint=self._plan.kind.endpoint,
            method=self._plan.kind.method,
        )


async def report_outcome(kind: StreamKind, outcome: StreamOutcome) -> None:
    """Passes the outcome to `on_end`. Logs what that raises."""
    try:
        await kind.on_end(outcome)
    except BaseException:
        logger.exception("%s: _on_stream_end failed", kind.label)
