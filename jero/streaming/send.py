"""Sends the messages of one response in order, in bounded time, and pings while the source is silent."""

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from types import CoroutineType
from typing import Any, Final, TypeAlias, cast

from jero.http.asgi import Send, response_body, response_start
from jero.streaming.plan import StreamPlan

# What became of a part of the body. A future stands for a part that has to wait.
SENT: Final = object()
BROKEN_OFF: Final = object()

# Sends one part of the body for each `send(body)`.
Parts: TypeAlias = Generator[Any, bytes, None]


class Sender:
    """Sends the start of the response with the first bytes, counts them, and bounds the time of each send.

    `started`: the status was sent. `has_ended`: the end of the body, too. `bytes_sent`: of the body. `last_sent`: the
    event loop's time of the last send.
    `on_failure` is called with what `send` raises, `on_stall` if one send takes longer than `send_timeout`. `context`
    is the stream's, for timers: each would copy one for itself.
    """

    __slots__ = (
        "_aside",
        "_loop",
        "_on_stall",
        "_plan",
        "_send",
        "_waiting",
        "bytes_sent",
        "context",
        "has_ended",
        "last_sent",
        "on_failure",
        "started",
    )

    def __init__(
        self,
        send: Send,
        plan: StreamPlan,
        context: Context,
        on_failure: Callable[[Exception], None],
        on_stall: Callable[[], None],
    ) -> None:
        is_http_2 = plan.scope.get("http_version") == "2"
        self._send = plan.kind.pace(plan.scope, send) if is_http_2 else send
        self._plan = plan
        self.context = context
        self.on_failure = on_failure
        self._on_stall = on_stall
        self._loop = asyncio.get_running_loop()
        self._aside: asyncio.Task[None] | None = None
        self._waiting = 0
        self.started = False
        self.has_ended = False
        self.bytes_sent = 0
        self.last_sent = self._loop.time()

    @property
    def is_busy(self) -> bool:
        """Returns whether a send is under way and waits for the client."""
        return self._waiting > 0 or self._aside is not None

    def parts(self) -> Parts:
        """Returns a generator that sends the parts of the body, one after the other.

        It yields `SENT`, `BROKEN_OFF`, or what `send` waits for. Before the caller waits for that, it calls
        `begin_waiting`, and `end_waiting` afterwards.
        """
        parts = cast(Parts, self._send_parts())
        next(parts)
        return parts

    @types.coroutine
    def send(self, body: bytes, *, more_body: bool) -> Generator[Any, Any, None]:
        """Sends a part of the body. Raises what the server's `send` raises."""
        # Most sends do not wait, and a timer for each would cost more than the send.
        sending = (self._put if self._aside is None else self._next)(body, more_body=more_body)
        try:
            waiting = sending.send(None)
        except StopIteration:
            return
        timer = self.begin_waiting()
        try:
            yield from go_on(sending, waiting)
        finally:
            self.end_waiting(timer)

    def begin_waiting(self) -> asyncio.TimerHandle:
        """Starts the time of a send that the client does not take at once."""
        self._waiting += 1
        return self._loop.call_later(self._plan.kind.policy.send_timeout, self._on_stall, context=self.context)

    def end_waiting(self, timer: asyncio.TimerHandle) -> None:
        """Stops the time: the send has ended, in one way or another."""
        self._waiting -= 1
        timer.cancel()
        self.last_sent = self._loop.time()

    def send_aside(self, body: bytes) -> None:
        """Sends the headers alone, or a ping, in a task of its own, while the stream's task waits for its source."""
        self.last_sent = self._loop.time()
        aside = self._loop.create_task(self._put_aside(body))
        self._aside = None if aside.done() else aside  # with eager tasks it may have ended already

    async def end_aside(self) -> None:
        """Cancels what is being sent aside, if the client still does not take it."""
        if self._aside is not None:
            self._aside.cancel()
            await asyncio.wait((self._aside,))
            self._aside = None  # if it was cancelled before its first step, its traceback refers to this object

    @types.coroutine
    def _send_parts(self) -> Parts:
        # The hot path. One generator sends all parts: a coroutine for each would end by an exception, which is slow.
        # The message is spelled out here, to save the call of `response_body`.
        send, time = self._send, self._loop.time
        became = SENT
        sending: Any = None
        while True:
            body: Any = yield became
            try:
                if self.started and self._aside is None:
                    self.bytes_sent += len(body)
                    self.last_sent = time()
                    sending = send({"type": "http.response.body", "body": body, "more_body": True})
                else:
                    sending = self._next(body, more_body=True)
                if CoroutineType is not type(sending):
                    sending = _as_coroutine(sending)
                yield from sending
                became = SENT
            except asyncio.CancelledError:
                became = BROKEN_OFF
            except Exception as error:
                self.on_failure(error)
                became = BROKEN_OFF
            body = sending = None  # it may take long until the next part

    async def _next(self, body: bytes, *, more_body: bool) -> None:
        if self._aside is not None:
            await asyncio.wait((self._aside,))
        await self._put(body, more_body=more_body)

    async def _put(self, body: bytes, *, more_body: bool) -> None:
        if not self.started:
            self.started = True
            plan = self._plan
            body = plan.kind.framing.opening + body
            await self._send(response_start(plan.status, list(plan.headers)))
        await self._send(response_body(body, more_body=more_body))
        self.has_ended = not more_body
        self.bytes_sent += len(body)
        self.last_sent = self._loop.time()

    async def _put_aside(self, body: bytes) -> None:
        timer = self.begin_waiting()
        try:
            await self._put(body, more_body=True)
        except Exception as error:
            self.on_failure(error)
        finally:
            self.end_waiting(timer)
            self._aside = None


class Keepalive:
    """Sends the headers if no item comes within the grace, then a ping after each silence of `keepalive` seconds.

    The grace begins when this is made; the silence is timed from the last send. There is one timer a stream, and a send
    does not touch it: if the timer fires too early, it is set again.
    """

    __slots__ = ("_due", "_grace_ends", "_is_grace_over", "_loop", "_plan", "_sender", "_timer")

    def __init__(self, plan: StreamPlan, sender: Sender) -> None:
        self._plan = plan
        self._sender = sender
        self._loop = asyncio.get_running_loop()
        self._grace_ends = self._loop.time() + plan.kind.first_item_grace
        self._is_grace_over = False
        self._timer: asyncio.TimerHandle | None = None
        self._set_timer()

    def close(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        kind, sender = self._plan.kind, self._sender
        silence = None if kind.ping is None else kind.keepalive
        if self._is_grace_over and silence is None:
            return
        due = self._grace_ends
        if silence is not None:
            # Before the first byte the silence has not begun, but it may begin at any moment.
            began = sender.last_sent if sender.started or self._is_grace_over else self._loop.time()
            due = began + silence if self._is_grace_over else min(due, began + silence)
        self._due = due
        self._timer = self._loop.call_at(due, self._fire, context=sender.context)

    def _fire(self) -> None:
        kind, sender, due = self._plan.kind, self._sender, self._due
        if not self._is_grace_over and due >= self._grace_ends:
            self._is_grace_over = True
            if not sender.started and not sender.is_busy:
                sender.send_aside(b"")
        elif sender.is_busy:  # the client is slow, and the source may not be silent
            sender.last_sent = self._loop.time()
        elif sender.started and kind.ping is not None and sender.last_sent + (kind.keepalive or 0) <= due:
            try:
                sender.send_aside(kind.ping() if callable(kind.ping) else kind.ping)
            except Exception as error:
                sender.on_failure(error)
                return
        self._set_timer()


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    """Awaits what cannot be stepped by hand: the `send` of some servers is not a coroutine function."""
    await awaitable


def go_on(started: Coroutine[Any, Any, None], waiting: Any) -> Generator[Any, Any, None]:
    """Awaits a coroutine that was stepped by hand, from where it yielded `waiting`."""
    while True:
        try:
            yield waiting
            break
        except BaseException as error:
            try:
                waiting = started.throw(error)
            except StopIteration:
                return
    yield from started.__await__()
