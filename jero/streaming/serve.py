"""Serves a stream for one request: starts it, watches for the client to leave, and waits for the end.

Theory of operation. A stream has two tasks at most. Its own task runs the stream and is the only one that steps the
source. The request's task calls `receive`, since that is the only sign of a client that leaves.

The stream takes its first step at once, inside the request's turn of the event loop but in the name and the context of
its own task. If its source never pauses, as when it yields from a list, the stream is over when that step returns: no
timer was made, `receive` was not called, and no other task had to wake. At the first pause the stream becomes one of
the open streams, its timers start, and the request's task begins to watch.

`receive` waits for the whole life of the stream, because to cancel it and call it again between items would be dear.
The end of the stream calls the request's task back by cancelling it, as `asyncio.timeout` does. A cancellation that
comes from somewhere else stops the stream, waits for its teardown, and is raised on.
"""

import asyncio
import logging
import sys
from abc import ABCMeta
from asyncio.tasks import _enter_task, _leave_task  # pyright: ignore[reportPrivateUsage] - documented for code that steps a task
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from contextvars import Context
from typing import Any, Final, NoReturn, TypeAlias, cast

from anyio import CancelScope

from jero.errors import UnfinishedBody
from jero.http.asgi import Receive, Scope, Send, is_disconnect
from jero.policy import OpenStream
from jero.streaming.limits import LAST_SECONDS
from jero.streaming.plan import StreamPlan
from jero.streaming.stream import Stream
from jero.streaming.turns import Turns

logger = logging.getLogger("jero.streams")

# Their initializers are called apart from their constructors, which type checkers do not follow.
_TASK: Final[Any] = asyncio.Task
_FUTURE: Final[Any] = asyncio.Future
# The context of a task that is not scheduled. It is shared, since 3.11 does not release it when the task is initialized
# again.
_ANY_CONTEXT: Final = Context()


class OpenStreams:
    """The open streams of an application, so that a shutdown can end them.

    `on_open` is called with the scope of each stream's request. `is_draining`: the server is shutting down. `turns`:
    how they share the event loop.
    """

    def __init__(self, on_open: Callable[[Scope], None] | None = None) -> None:
        self._on_open = on_open
        self._streams: set[Stream] = set()
        self._waiting: list[asyncio.Future[None]] = []
        self.turns = Turns()
        self.is_draining = False

    def __len__(self) -> int:
        return len(self._streams)

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._streams)

    def add(self, stream: Stream) -> None:
        """Adds a stream that has begun."""
        self._streams.add(stream)
        if self._on_open is not None:
            self._on_open(stream.scope)
        if self.is_draining:
            stream.drain()

    def remove(self, stream: Stream) -> None:
        """Removes a stream that is over."""
        self._streams.discard(stream)
        if not self._streams:
            self._resolve_waiting()

    def open(self) -> None:
        """Allows streams again, when the server has started once more."""
        self.is_draining = False

    def reports(self) -> list[OpenStream]:
        """Returns how each of the streams is now."""
        return [stream.report() for stream in self._streams if not stream.is_over]

    def stop(self, stream_id: str) -> bool:
        """Stops the stream of this id. Returns whether there is one."""
        for stream in self._streams:
            if not stream.is_over and stream.report().id == stream_id:
                stream.stop("stopped")
                return True
        return False

    def drain(self) -> asyncio.Future[None]:
        """Ends all streams, as a shutdown does. Returns a future that is resolved when they are over."""
        self.is_draining = True
        for stream in list(self._streams):
            stream.drain()
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(over)
        if not self._streams:
            self._resolve_waiting()
        return over

    def _resolve_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for over in waiting:
            if not over.done():
                over.set_result(None)


# A stream, its task, which runs it already, and the cancellation of the request that has stopped it, if there was one.
Begun: TypeAlias = tuple[Stream, asyncio.Task[None], asyncio.CancelledError | None]


async def send_stream(
    plan: StreamPlan, streams: OpenStreams, receive: Receive, send: Send, begun: Begun | None = None
) -> None:
    """Sends a stream, and returns when it is over and torn down. While it is open it is one of `streams`.

    Raises what failed before the status was sent, for the caller to answer. A stream that is cut short gets no end of
    its body: the server drops the connection, or `cut_connection` makes that an error. A cancellation of the calling
    task stops the stream, and is raised after the teardown. `begun`: the stream of the plan runs already.
    """
    request = _Request()
    stream, task, cancelled = begun or _begin(new_stream(plan, streams, send), streams)
    if not stream.is_over:
        request.stream = stream
        stream.on_over = request.call_back
        try:
            cancelled = cancelled or await request.watch(receive)
            if not stream.is_over:
                cancelled = await request.wait_for_end() or cancelled
            if stream.is_cut:
                await _cut(stream, plan, streams, send, cancelled)
        finally:
            streams.remove(stream)
            stream.on_over = None
    elif stream.is_cut:
        await _cut(stream, plan, streams, send, cancelled)
    error = _to_raise(stream, task, cancelled)
    try:
        if error is not None:
            raise error
    finally:
        del error, cancelled, begun  # their tracebacks refer to this frame


def new_stream(plan: StreamPlan, streams: OpenStreams, send: Send, context: Context | None = None) -> Stream:
    """Returns a stream that has not begun. `context`: of the task that will run it, if that is not the current one."""
    stream = Stream(plan, send, streams.turns, context)
    if streams.is_draining:
        stream.drain()
    return stream


def _begin(stream: Stream, streams: OpenStreams) -> Begun:
    task = _start(stream)
    if not stream.is_over:
        paused(stream, streams)
    return stream, task, None


def paused(stream: Stream, streams: OpenStreams) -> None:
    """Makes a stream one of the open ones. It is called when the stream first pauses."""
    stream.arm()
    streams.add(stream)


def _to_raise(
    stream: Stream, task: asyncio.Task[None], cancelled: asyncio.CancelledError | None
) -> BaseException | None:
    """Returns what the request raises after the end of its stream. Raises what `Stream.run` raised in error."""
    if task.done() and not task.cancelled():
        task.result()
    error, stream.to_raise = stream.to_raise, None
    if cancelled is not None and (error is None or isinstance(error, Exception)):
        return cancelled  # an order to the process counts more
    return error


async def _cut(
    stream: Stream, plan: StreamPlan, streams: OpenStreams, send: Send, cancelled: asyncio.CancelledError | None
) -> None:
    """Lets the client notice that the body has no end.

    Waits for a slow client as long as a send would, and not at all if the request was cancelled: by a timeout around
    the application, for example, whose client is still there.
    """

    def patience() -> float:
        if cancelled is not None:
            return 0
        return LAST_SECONDS if streams.is_draining else plan.kind.policy.send_timeout

    def is_last() -> bool:
        return streams.is_draining and cancelled is None

    has_left = stream.state.ending == "disconnected" and cancelled is None
    if has_left or stream.to_raise is not None:
        return
    try:
        with CancelScope(shield=True):  # a scope of anyio cancels each further await
            await plan.kind.cut_connection(plan.scope, send, stream.began, patience, is_last)
    except UnfinishedBody:
        if cancelled is None:  # it counts more, and no middleware completes a body after it
            raise


class _Request:
    """The request's task, while its stream is open. `stream` is set when the stream has taken its first step."""

    __slots__ = ("_cancellations", "_is_called_back", "_over", "_watching", "stream")

    stream: Stream

    def __init__(self) -> None:
        request = asyncio.current_task()
        # Counted before the first step of the stream, which may cancel the request.
        self._cancellations = 0 if request is None else request.cancelling()
        self._watching: asyncio.Task[Any] | None = None  # while it waits in `receive`
        self._over: asyncio.Future[None] | None = None  # while it waits for the end
        self._is_called_back = False

    async def watch(self, receive: Receive) -> asyncio.CancelledError | None:
        """Waits until the client leaves or the stream is over. Returns the cancellation that came meanwhile, if any."""
        request = asyncio.current_task()
        if request is None:
            raise RuntimeError("an ASGI application runs in a task of asyncio")
        self._watching = request
        try:
            await client_left(receive)
        except asyncio.CancelledError as cancelled:
            if self._is_called_back and request.uncancel() <= self._cancellations:
                return None
            self.stream.client_left()
            return cancelled
        finally:
            self._watching, request = None, None  # a cancellation's traceback refers to this frame
        self.stream.client_left()
        return None

    async def wait_for_end(self) -> asyncio.CancelledError | None:
        """Waits for the teardown. Returns a cancellation that came meanwhile: it must not be lost either."""
        cancelled: asyncio.CancelledError | None = None
        try:
            try:
                await self._end()
            except asyncio.CancelledError as error:
                cancelled = error
            if not self.stream.is_over:  # a cancel scope of anyio cancels again and again, unless it is shielded
                with CancelScope(shield=True):
                    while not self.stream.is_over:
                        with suppress(asyncio.CancelledError):  # the first one is returned
                            await self._end()
            return cancelled
        finally:
            del cancelled  # its traceback refers to this frame

    def _end(self) -> asyncio.Future[None]:
        # A new future for each wait: a cancellation of the task that waits cancels the future, too.
        self._over = asyncio.get_running_loop().create_future()
        return self._over

    def call_back(self) -> None:
        """Ends what waits: the stream is over."""
        if self._watching is not None:
            self._is_called_back = True
            self._watching.cancel()
        if self._over is not None and not self._over.done():
            self._over.set_result(None)


async def client_left(receive: Receive) -> None:
    """Waits until the client leaves. What it still sends is passed over."""
    ends = 0
    try:
        while not is_disconnect(message := await receive()):
            ends += not message.get("more_body")
            if ends > 1:  # a middleware that returns the same body for ever: this loop would never pause
                logger.warning("receive() returns the end of the request again and again: no disconnect is noticed")
                await asyncio.get_running_loop().create_future()
    except Exception:
        logger.exception("receive() failed, which counts as a disconnect: none could be noticed any more")


def _start(stream: Stream) -> asyncio.Task[None]:
    """Makes the stream's task, which takes its first step at once. If that was the only one, the task is not used."""
    request = asyncio.current_task()
    if request is None:
        raise RuntimeError("an ASGI application runs in a task of asyncio")
    if sys.version_info >= (3, 12):
        loop = request.get_loop()
        del request  # the traceback of what the source raises refers to this frame
        return asyncio.Task(stream.run(), loop=loop, name=stream.name, context=stream.context, eager_start=True)
    return _start_by_hand(stream, request)


def _start_by_hand(stream: Stream, request: asyncio.Task[Any]) -> asyncio.Task[None]:
    """Does for Python 3.11 what an eager task does.

    The first step runs in the name of a task that is made, but not scheduled. If the source pauses, the same task is
    initialized once more, now with the event loop, so that timeouts and cancel scopes of the first step stay valid.
    """
    loop, running = asyncio.get_running_loop(), stream.run()
    task: Any = _TASK(running, loop=_Unscheduled, name=stream.name, context=_ANY_CONTEXT)
    _FUTURE.__init__(task, loop=loop)
    _leave_task(loop, request)
    _enter_task(loop, task)
    try:
        waiting = stream.context.run(running.send, None)
    except StopIteration:
        _FUTURE.set_result(task, None)  # a task sets its own result otherwise
        return cast("asyncio.Task[None]", task)
    finally:
        _leave_task(loop, task)
        _enter_task(loop, request)
        del request  # the traceback of what the source raises refers to this frame
    callbacks, cancellations = task._callbacks, task.cancelling()  # noqa: SLF001 - the source may have added some
    _TASK.__init__(task, _Started(running, waiting), loop=loop, name=stream.name, context=stream.context)
    for callback, context in callbacks or ():
        task.add_done_callback(callback, context=context)
    for _ in range(cancellations):  # the source cancelled its own task in the first step
        task.cancel()
    return cast("asyncio.Task[None]", task)


class _Unscheduled:
    """Stands for an event loop while a task is made that must not be scheduled yet."""

    @staticmethod
    def get_debug() -> bool:
        """Returns that the event loop is not in debug mode."""
        return False

    @staticmethod
    def call_soon(callback: object, *arguments: object, context: object = None) -> None:
        """Schedules nothing."""


class _Started:
    """A coroutine that has taken its first step, and waits, for a task to go on with it.

    `send` is an attribute, so that each step after the first one goes to the coroutine directly.
    """

    __slots__ = ("_running", "_waiting", "send")

    def __init__(self, running: Coroutine[Any, Any, None], waiting: Any) -> None:
        self._running = running
        self._waiting = waiting
        self.send: Callable[[Any], Any] = self._send_first

    def _send_first(self, value: Any) -> Any:
        """Returns what the first step waits for. If that was one turn of the loop (`None`), runs the next step."""
        waiting = self._pass_on()
        return self._running.send(value) if waiting is None else waiting

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:
        """Passes on a cancellation. If it came before the task's own first step, it does so as a task does."""
        waiting = self._pass_on()
        if waiting is not None and waiting.cancel():
            return waiting
        return self._running.throw(error)

    def close(self) -> None:
        """Closes the coroutine."""
        self._running.close()

    @property
    def cr_frame(self) -> Any:
        """Returns the frame of the coroutine, for the stack of its task."""
        return getattr(self._running, "cr_frame", None)

    def __await__(self) -> NoReturn:
        raise TypeError("a started coroutine is made for a task")

    def _pass_on(self) -> Any:
        """Returns what the first step waits for, once."""
        self.send = self._running.send
        waiting, self._waiting = self._waiting, None
        return waiting


cast("ABCMeta", Coroutine).register(_Started)  # a task takes nothing else
