"""Sends a stream from a task that has prepared it, because what the stream needs was opened in that task.

A dependency is opened before the handler is called, and closed after the last item. Both happen in one task: a task
group, a cancel scope or a context variable does not work across two. So this task opens the dependencies, calls the
handler, and then runs the stream. The request's task waits, and passes its cancellations on.
"""

import asyncio
import logging
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any, Generic, TypeAlias, TypeVar

from anyio import CancelScope

from jero.http.asgi import Receive, Send
from jero.streaming.plan import StreamPlan
from jero.streaming.serve import Begun, OpenStreams, new_stream, paused, send_stream
from jero.streaming.stream import Stream

logger = logging.getLogger("jero.streams")

R = TypeVar("R")

Close: TypeAlias = Callable[[BaseException | None], Awaitable[BaseException | None]]


async def send_prepared(
    prepare: Coroutine[Any, Any, StreamPlan | R],
    close: Close,
    name: str,
    streams: OpenStreams,
    receive: Receive,
    send: Send,
) -> R | None:
    """Runs `prepare` in a task of its own, called `name`, and sends the stream that it plans from that task.

    If `prepare` plans no stream, the same task calls `close` with the error of `prepare`. Then this function raises the
    error that `close` returns, or else returns what `prepare` has returned. Returns `None` after a stream. Raises what
    `send_stream` raises. A cancellation of the calling task cancels `prepare`, or stops the stream. It does not break
    off `close`, and is raised after it. Then an error of either is logged.
    """
    owner = _Owner(prepare, close, streams, send)
    del prepare, close  # they last until they have returned, and not as long as the stream
    task = asyncio.create_task(owner.run(), name=name, context=owner.context)
    task.add_done_callback(owner.has_ended)
    cancelled = await owner.until_prepared(task)
    stream, plan = owner.stream, owner.plan
    if stream is not None and plan is not None:
        if stream.is_over:
            streams.remove(stream)
        begun: Begun = (stream, task, cancelled)
        del owner, stream, task, cancelled  # this frame lasts as long as the stream
        try:
            await send_stream(plan, streams, receive, send, begun)
        finally:
            del begun  # the cancellation's traceback refers to this frame
        return None
    error = owner.error_to_raise(cancelled, name)
    try:
        if error is not None:
            raise error
        return owner.result
    finally:
        del error, cancelled  # their tracebacks refer to this frame


class _Owner(Generic[R]):
    """The task that prepares a stream and runs it.

    `stream` and `plan`: of the stream that has begun. `result`: what was prepared instead. `error`: what failed.
    """

    def __init__(
        self, prepare: Coroutine[Any, Any, StreamPlan | R], close: Close, streams: OpenStreams, send: Send
    ) -> None:
        self._prepare: Coroutine[Any, Any, StreamPlan | R] | None = prepare
        self._close = close
        self._is_closing = False
        self._streams = streams
        self._send = send
        self._prepared: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.context = copy_context()
        self.plan: StreamPlan | None = None
        self.stream: Stream | None = None
        self.result: R | None = None
        self.error: BaseException | None = None

    async def run(self) -> None:
        """Prepares, and runs the stream if there is one. Raises nothing."""
        prepare, self._prepare = self._prepare, None
        if prepare is None:
            return
        prepared: StreamPlan | R | None = None
        try:
            prepared = await prepare
        except BaseException as error:
            self.error = error
        del prepare
        if isinstance(prepared, StreamPlan):
            self.plan = prepared
            self.stream = stream = new_stream(prepared, self._streams, self._send, self.context)
            del prepared
            await _begin(stream.run(), self._pause)
            return
        self._is_closing = True
        self.error = await self._close(self.error)
        self.result = prepared

    async def until_prepared(self, task: asyncio.Task[None]) -> asyncio.CancelledError | None:
        """Waits until the stream runs, or until `prepare` has returned something else or raised.

        Passes each cancellation on to `task`. Returns a cancellation that came too late for that: it has stopped the
        stream, or came while `close` was running, and is to be raised.
        """
        was_cancelled = False
        late: asyncio.CancelledError | None = None
        try:
            while not self._prepared.done():
                try:
                    with CancelScope(shield=was_cancelled):  # a scope of anyio cancels again and again
                        await asyncio.wait((self._prepared,))
                except asyncio.CancelledError as cancelled:
                    was_cancelled = True
                    if self._is_closing or self._prepared.done():
                        late = cancelled
                    else:
                        task.cancel()
            if late is not None and self.stream is not None:
                self.stream.client_left()
            return late
        finally:
            del late  # its traceback refers to this frame

    def error_to_raise(self, cancelled: asyncio.CancelledError | None, name: str) -> BaseException | None:
        """Returns the cancellation, or else what failed. Logs what failed if the cancellation hides it."""
        error, self.error = self.error, None
        try:
            if cancelled is not None and error is not None and not isinstance(error, asyncio.CancelledError):
                logger.error("%s failed, and its request was cancelled", name, exc_info=error)
            return cancelled or error
        finally:
            del error, cancelled  # their tracebacks refer to this frame

    def has_ended(self, _: object) -> None:
        """Notes that the task has ended. If it was cancelled before its first step, nothing was prepared."""
        if self._prepare is not None:
            self._prepare.close()
            self._prepare, self.error = None, asyncio.CancelledError()
        self._is_prepared()

    def _pause(self) -> None:
        if self.stream is not None:
            paused(self.stream, self._streams)
        self._is_prepared()

    def _is_prepared(self) -> None:
        if not self._prepared.done():
            self._prepared.set_result(None)


@types.coroutine
def _begin(running: Coroutine[Any, Any, None], on_pause: Callable[[], None]) -> Generator[Any, Any, None]:
    """Runs a coroutine to its end. Calls `on_pause` when it first waits, in the same turn of the event loop."""
    thrown: BaseException | None = None
    try:
        waiting: Any = running.send(None)
        on_pause()
        while True:
            try:
                yield waiting
                break
            except BaseException as error:  # the task's cancellation, for what the coroutine waits for
                thrown = error
            waiting, thrown = running.throw(thrown), None
        yield from running.__await__()
    except StopIteration:
        return
    finally:
        del thrown  # its traceback refers to this frame
