"""Sends items that are framed already, from their source or from the publisher's own turn of the event loop.

Theory of operation. Each item of such a source is all that waits, so nothing gathers in the buffer. While the stream's
task waits for the next item, the publisher calls `deliver`, and the item is sent there, in the name and the context of
the stream's task: to wake a task costs as much as to send. The task wakes for three things only: for what the server
does not take at once, for an error, and for the end of the stream. Then `deliver` returns False, the publisher resolves
the task's future with the same item, and the task finishes what `deliver` began.
"""

import asyncio
import contextvars
import types
from asyncio.tasks import _enter_task, _leave_task  # pyright: ignore[reportPrivateUsage] - documented for code that steps a task
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

from jero.framing.framing import FramedItems, Framing, PublishedItems
from jero.streaming.buffer import FrameBuffer
from jero.streaming.pump import Pump
from jero.streaming.send import SENT
from jero.streaming.source import Source


class Push:
    """Drives a source of framed items to its end."""

    __slots__ = (
        "_buffer",
        "_context",
        "_delivered",
        "_framing",
        "_loop",
        "_pump",
        "_send_part",
        "_state",
        "_task",
        "_unfinished",
    )

    def __init__(self, pump: Pump, buffer: FrameBuffer, framing: Framing, context: contextvars.Context) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream has a task of its own")
        self._pump = pump
        self._state = pump.state
        self._buffer = buffer
        self._framing = framing
        self._task = task
        self._loop = task.get_loop()
        self._context = context
        # Set after the first item of a format without separators.
        self._send_part: Callable[[bytes], Any] | None = None
        self._delivered: FramedItems | None = None
        self._unfinished: Any = SENT

    @types.coroutine
    def drive(self, source: Source) -> Generator[Any, Any, None]:
        """Sends all items of the source. Raises what it raises."""
        items: AsyncIterator[FramedItems] = yield from source.open().__await__()
        published = items if isinstance(items, PublishedItems) else None
        if published is not None:
            published.deliver = self.deliver
        try:
            yield from self._drive(items)
        finally:
            if published is not None:
                published.deliver = None

    def deliver(self, framed: FramedItems) -> bool:
        """Sends the items while the stream's task waits. Returns False if the task has to be given them, too."""
        state, loop, task = self._state, self._loop, self._task
        if state.ending is not None:
            return False
        try:
            _enter_task(loop, task)
        except RuntimeError:  # another task runs: the one that publishes
            return False
        unfinished: Any = SENT
        try:
            if self._send_part is None:
                unfinished = self._context.run(self._send, framed)
            elif body := framed.bytes_in(self._framing):  # the hot path: every event of a channel, for every subscriber
                self._buffer.items += framed.count
                unfinished = self._context.run(self._send_part, body)
        except BaseException as error:
            unfinished = error
        finally:
            _leave_task(loop, task)
        if unfinished is SENT and state.ending is None:
            return True
        self._delivered, self._unfinished = framed, unfinished
        return False

    def _drive(self, items: AsyncIterator[FramedItems]) -> Generator[Any, Any, None]:
        while self._state.ending is None:
            awaitable = items.__anext__()
            try:
                framed = yield from awaitable.__await__()
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                if self._delivered is not None:  # the stream was stopped after `deliver`, and before its task woke
                    yield from self._wait_for(self._take_unfinished())
                raise
            if framed is self._delivered:
                yield from self._wait_for(self._take_unfinished())
            elif self._state.ending is None:
                yield from self._wait_for(self._send(framed))
            if not isinstance(awaitable, asyncio.Future):  # nothing was waited for, so the event loop gets a turn
                yield None
        raise asyncio.CancelledError

    def _send(self, framed: FramedItems) -> Any:
        body = self._buffer.pass_by(framed)
        if not body:
            return SENT
        if not self._framing.separator:
            self._send_part = self._pump.parts().send
        return self._pump.send_now(body)

    def _take_unfinished(self) -> Any:
        """Returns what is left to wait for of the items that `deliver` began to send. Raises its error."""
        unfinished, self._unfinished, self._delivered = self._unfinished, SENT, None
        try:
            if isinstance(unfinished, BaseException):
                raise unfinished
            return unfinished
        finally:
            del unfinished  # the traceback of an error refers to this frame

    def _wait_for(self, pending: Any) -> Generator[Any, Any, None]:
        """Waits for a slow client."""
        if pending is SENT:
            return
        thrown = yield from self._pump.send_slowly(pending)
        try:
            if thrown is not None:
                raise thrown
        finally:
            del thrown  # its traceback refers to this frame
