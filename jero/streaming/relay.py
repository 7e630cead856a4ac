"""Items that are framed already, from their source to the sender."""

import asyncio
import contextvars
import types
from asyncio.tasks import _enter_task, _leave_task  # pyright: ignore[reportPrivateUsage] - documented, for who steps a task
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

from jero.framing.framing import FramedItems, Framing, PublishedItems
from jero.streaming.outbox import Outbox
from jero.streaming.pump import Pump
from jero.streaming.sender import SENT
from jero.streaming.source import Source


class Relay:
    """Each item is all that waits, so nothing has to gather.

    While its task waits for the next item, the publisher calls `deliver`, which sends the item in the task's name and
    context: to wake a task costs as much as to send. The task wakes for what cannot be sent at once, and to end.
    """

    __slots__ = (
        "_context",
        "_framing",
        "_items",
        "_loop",
        "_outbox",
        "_pump",
        "_put",
        "_taken",
        "_task",
        "_unfinished",
    )

    def __init__(self, pump: Pump, outbox: Outbox, framing: Framing, context: contextvars.Context) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream has a task of its own")
        self._pump = pump
        self._outbox = outbox
        self._framing = framing
        self._task = task
        self._loop = task.get_loop()
        self._context = context
        self._items = 0
        self._put: Callable[[bytes], Any] | None = None  # where nothing stands before an item, from the first on
        self._taken: FramedItems | None = None
        self._unfinished: Any = SENT

    @types.coroutine
    def drive(self, source: Source) -> Generator[Any, Any, None]:
        """Sends all that the source has; raises what it raises."""
        items: AsyncIterator[FramedItems] = yield from source.open().__await__()
        published = items if isinstance(items, PublishedItems) else None
        if published is not None:
            published.deliver = self.deliver
        try:
            yield from self._drive(items)
        finally:
            if published is not None:
                published.deliver = None
            self._outbox.items += self._items

    def deliver(self, framed: FramedItems) -> bool:
        """Sends it, while the task waits; says whether it may wait on. If not, it is to be given the item too."""
        pump, loop, task = self._pump, self._loop, self._task
        if pump.is_stopped:
            return False
        try:
            _enter_task(loop, task)
        except RuntimeError:  # another task is at work: the one that publishes
            return False
        unfinished: Any = SENT
        try:
            if self._put is None:
                unfinished = self._context.run(self._send, framed)
            elif body := framed.bytes_in(self._framing):  # a channel's every event comes by here, for every subscriber
                self._items += framed.count
                unfinished = self._context.run(self._put, body)
        except BaseException as error:
            unfinished = error
        finally:
            _leave_task(loop, task)
        if unfinished is SENT and not pump.is_stopped:
            return True
        self._taken, self._unfinished = framed, unfinished
        return False

    def _drive(self, items: AsyncIterator[FramedItems]) -> Generator[Any, Any, None]:
        while not self._pump.is_stopped:
            awaitable = items.__anext__()
            try:
                framed = yield from awaitable.__await__()
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                if self._taken is not None:  # it was told to end after it had taken an item, and before it woke
                    yield from self._wait_for(self._finish())
                raise
            if framed is self._taken:
                yield from self._wait_for(self._finish())
            elif not self._pump.is_stopped:
                yield from self._wait_for(self._send(framed))
            if not isinstance(awaitable, asyncio.Future):  # it did not wait for anything to be published
                yield None
        raise asyncio.CancelledError

    def _send(self, framed: FramedItems) -> Any:
        body = self._outbox.pass_by(framed)
        if not body:
            return SENT
        if not self._framing.separator:
            self._put = self._pump.parts().send
        return self._pump.send_now(body)

    def _finish(self) -> Any:
        """What is left to do of the item that was taken."""
        unfinished, self._unfinished, self._taken = self._unfinished, SENT, None
        try:
            if isinstance(unfinished, BaseException):
                raise unfinished
            return unfinished
        finally:
            del unfinished  # an error holds this frame by its traceback

    def _wait_for(self, pending: Any) -> Generator[Any, Any, None]:
        """For a client that takes its time."""
        if pending is SENT:
            return
        thrown = yield from self._pump.send_slowly(pending)
        try:
            if thrown is not None:
                raise thrown
        finally:
            del thrown  # it holds this frame by its traceback
