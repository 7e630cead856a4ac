"""Pulls a synchronous source, and frames its items, in a thread of its own.

Theory of operation. An item is framed in the thread, the moment it is yielded, since its source may change it
afterwards. The event loop takes what waits in the buffer the moment it wants it. The thread is the stream's alone: a
source that blocks for long takes nothing from other streams, and one that is bound to its thread, such as a database
cursor, stays in it.

A lock is held while the buffer changes, and the event loop never waits for it. The loop first sets a future in
`_waiter`, and only then tries the lock; the thread looks for a waiter after it has released the lock. So one of the two
always sees the other.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import sleep
from typing import Any, Final, Self

from jero.streaming.buffer import FrameBuffer

# A source that computes without a pause keeps the interpreter, and the event loop out of it. After each turn it lets
# the interpreter go for this long.
YIELD_SECONDS: Final = 0.00005


class ThreadedSource:
    """An async iterator over the chunks of `iterable`, whose items are framed in `buffer`. Raises what it raises.

    The thread starts with the first `__anext__`, and waits while a full chunk is not taken. `aclose` makes the thread
    close the iterator, and waits for it. An iterator that blocks for ever keeps its thread, a daemon, until the process
    ends.
    `on_end` is called once, in the event loop, when the thread has ended, or will not be started.
    """

    def __init__(self, iterable: Iterable[Any], buffer: FrameBuffer, on_end: Callable[[], None] | None = None) -> None:
        self._iterable = iterable
        self._buffer = buffer
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()  # held while the buffer changes
        self._has_room = threading.Event()
        self._waiter: asyncio.Future[bytes] | None = None
        self._is_started = False
        self._is_stopped = False
        self._is_over = False
        self._error: BaseException | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Returns what waits in the buffer, as soon as something does."""
        if not self._is_started:
            self._start()
        self._waiter = waiter = self._loop.create_future()
        chunk: bytes | None = None
        if self._lock.acquire(blocking=self._is_over):
            try:
                if self._waiter is waiter and (self._buffer.buffer or self._is_over):
                    self._waiter = None
                    chunk = self._buffer.take()
            finally:
                self._lock.release()
        if chunk is None:
            chunk = await waiter
        self._has_room.set()
        if not chunk:
            await self.aclose()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Waits until the thread has closed the iterator. Raises what failed there."""
        self._is_stopped = True
        if not self._is_started:
            self._is_started = self._is_over = True
            if self._on_end is not None:
                self._on_end()
        self._has_room.set()
        while True:
            self._waiter = waiter = self._loop.create_future()
            if self._is_over:
                break
            await waiter
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback refers to this frame

    def _start(self) -> None:
        """Starts the thread, in a copy of the present context."""
        self._is_started = True
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), name="stream source", daemon=True).start()

    def _run(self) -> None:
        try:
            iterator = iter(self._iterable)
            try:
                self._pull(iterator)
            finally:
                close: Callable[[], None] | None = getattr(iterator, "close", None)
                if close is not None:
                    close()
        except BaseException as error:
            self._error = error
        if self._on_end is not None:
            with suppress(RuntimeError):  # the event loop is closed
                self._loop.call_soon_threadsafe(self._on_end)
        self._is_over = True
        self._hand_over()

    def _pull(self, iterator: Iterable[Any]) -> None:
        for item in iterator:
            if self._is_stopped:
                return
            with self._lock:
                is_time = self._buffer.add(item)
            if self._waiter is not None:
                self._hand_over()
            if is_time:
                sleep(YIELD_SECONDS)
                self._buffer.turn_until = None
            while self._buffer.is_full() and not self._is_stopped:
                self._has_room.wait()
                self._has_room.clear()

    def _hand_over(self) -> None:
        """Resolves the future of the event loop's side with what waits in the buffer."""
        with self._lock:
            waiter = self._waiter
            if waiter is None or not (self._buffer.buffer or self._is_over):
                return
            self._waiter = None
            chunk = self._buffer.take()
        with suppress(RuntimeError):  # the event loop is closed, and no task waits
            self._loop.call_soon_threadsafe(_settle, waiter, chunk)


def _settle(waiter: asyncio.Future[bytes], chunk: bytes) -> None:
    if not waiter.done():
        waiter.set_result(chunk)
