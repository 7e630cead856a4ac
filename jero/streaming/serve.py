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
from asyncio.tasks import _enter_task, _leave_task  # pyright: ignore[reportPrivateUsage] - documented, for who steps a task
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn

from anyio import CancelScope

from jero.http.asgi import Receive, Scope, Send, is_disconnect
from jero.streaming.plan import StreamPlan
from jero.streaming.stream import Stream

logger = logging.getLogger("jero.streams")


class OpenStreams:
    """The open streams of an application, so that a shutdown can end them.

    `on_open` is called with the scope of each stream's request. `is_draining`: the server is shutting down.
    """

    def __init__(self, on_open: Callable[[Scope], None] | None = None) -> None:
        self._on_open = on_open
        self._streams: set[Stream] = set()
        self._waiting: list[asyncio.Future[None]] = []
        self.is_draining = False

    def __len__(self) -> int:
        return len(self._streams)

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


async def send_stream(plan: StreamPlan, streams: OpenStreams, receive: Receive, send: Send) -> None:
    """Sends a stream, and returns when it is over and torn down. While it is open it is one of `streams`.

    Raises what failed before the status was sent, for the caller to answer. A stream that is cut short returns without
    an end of its body, and the server drops the connection. A cancellation of the calling task stops the stream, and is
    raised after the teardown.
    """
    stream = Stream(plan, send)
    if streams.is_draining:
        stream.drain()
    task = _start(stream)
    cancelled: asyncio.CancelledError | None = None
    if not stream.is_over:
        stream.arm()
        task.add_done_callback(stream.task_done, context=stream.context)
        streams.add(stream)
        cancelled = await _Request(stream).wait(receive)
        streams.remove(stream)
        if task.done() and not task.cancelled():
            task.result()
    error, stream.to_raise = cancelled or stream.to_raise, None
    try:
        if error is not None:
            raise error
    finally:
        del error, cancelled  # their tracebacks refer to this frame


class _Request:
    """The request's task, while its stream is open."""

    __slots__ = ("_is_called_back", "_over", "_stream", "_watching")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._watching: asyncio.Task[Any] | None = None  # while it waits in `receive`
        self._over: asyncio.Future[None] | None = None  # while it waits for the end
        self._is_called_back = False
        stream.on_over = self._call_back

    async def wait(self, receive: Receive) -> asyncio.CancelledError | None:
        """Returns when the stream is over, with the cancellation that came meanwhile, if any."""
        try:
            cancelled = await self._watch(receive)
            if not self._stream.is_over:
                cancelled = await self._wait_for_end() or cancelled
            return cancelled
        finally:
            self._stream.on_over = None
            cancelled = None  # its traceback refers to this frame

    async def _watch(self, receive: Receive) -> asyncio.CancelledError | None:
        """Waits until the client leaves or the stream is over. What the client still sends is passed over."""
        request = asyncio.current_task()
        if request is None:
            raise RuntimeError("an ASGI application runs in a task of asyncio")
        cancellations = request.cancelling()
        self._watching = request
        ends = 0
        try:
            while not is_disconnect(message := await receive()):
                ends += not message.get("more_body")
                if ends > 1:  # a middleware that returns the same body for ever: this loop would never pause
                    logger.warning("receive() returns the end of the request again and again: no disconnect is noticed")
                    await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError as cancelled:
            if self._is_called_back and request.uncancel() <= cancellations:
                return None
            self._stream.client_left()
            return cancelled
        except Exception:
            logger.exception("receive() failed, which counts as a disconnect: none could be noticed any more")
        finally:
            self._watching, request = None, None  # a cancellation's traceback refers to this frame
        self._stream.client_left()
        return None

    async def _wait_for_end(self) -> asyncio.CancelledError | None:
        """Waits for the teardown. Returns a cancellation that came meanwhile: it must not be lost either."""
        cancelled: asyncio.CancelledError | None = None
        try:
            try:
                await self._end()
            except asyncio.CancelledError as error:
                cancelled = error
            if not self._stream.is_over:  # a cancel scope of anyio cancels again and again, unless it is shielded
                with CancelScope(shield=True):
                    while not self._stream.is_over:
                        with suppress(asyncio.CancelledError):  # the first one is returned
                            await self._end()
            return cancelled
        finally:
            del cancelled  # its traceback refers to this frame

    def _end(self) -> asyncio.Future[None]:
        # A new future for each wait: a cancellation of the task that waits cancels the future, too.
        self._over = asyncio.get_running_loop().create_future()
        return self._over

    def _call_back(self) -> None:
        if self._watching is not None:
            self._is_called_back = True
            self._watching.cancel()
        if self._over is not None and not self._over.done():
            self._over.set_result(None)


def _start(stream: Stream) -> asyncio.Task[None]:
    """Makes the stream's task, and takes its first step at once."""
    request = asyncio.current_task()
    if request is None:
        raise RuntimeError("an ASGI application runs in a task of asyncio")
    loop, first_step = request.get_loop(), _FirstStep(stream.run())
    task: asyncio.Task[None] = loop.create_task(first_step, name=stream.name, context=stream.context)
    if not first_step.is_taken:  # with eager tasks (`asyncio.eager_task_factory`) it was
        _leave_task(loop, request)
        _enter_task(loop, task)
        try:
            stream.context.run(first_step.take)
        finally:
            _leave_task(loop, task)
            _enter_task(loop, request)
    return task


class _FirstStep(Coroutine[Any, Any, None]):
    """A coroutine whose first step may be taken before its task takes it.

    The task's own first step then only receives what the coroutine waits for, or its end. All later steps go to the
    coroutine directly.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._waiting: Any = None
        self._is_finished = False
        self.is_taken = False

    def take(self) -> None:
        """Takes the first step."""
        self.is_taken = True
        try:
            self._waiting = self._coroutine.send(None)
        except StopIteration:
            self._is_finished = True
        except BaseException:
            self._is_finished = True
            raise

    def send(self, value: Any) -> Any:
        """Takes the first step for the task, or repeats what the first step gave."""
        if self._is_finished:
            raise StopIteration
        self._pass_on()
        if self.is_taken and self._waiting is not None:
            return self._waiting
        self.is_taken = True
        return self._coroutine.send(value)  # also after a pause for one turn of the event loop, which has passed

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:
        """Passes on a cancellation that came between the two first steps."""
        if self._is_finished:
            raise error
        self._pass_on()
        if self._waiting is not None and self._waiting.cancel():
            return self._waiting  # as a task does: the coroutine is cancelled by what it waits for
        return self._coroutine.throw(error)

    def close(self) -> None:
        """Closes the coroutine."""
        self._coroutine.close()

    def __await__(self) -> NoReturn:
        raise TypeError("a first step is made for a task")

    def _pass_on(self) -> None:
        self.__dict__.update(send=self._coroutine.send, throw=self._coroutine.throw)
