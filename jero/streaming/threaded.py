"""A synchronous source, pulled and framed in a thread of its own.

An item is framed there, the moment it is yielded, for its source may change it afterwards; what waits is taken here
the moment it is wanted. The thread is the stream's alone: a source that blocks for long takes nothing from others,
and one that is bound to its thread (a database cursor, say) meets no other.
"""

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from time import sleep
from typing import Any, Final

from jero.streaming.outbox import Outbox

# A source that computes without a pause keeps the interpreter to itself, and the event loop out: after each turn it
# gives it away for so long.
YIELD_SECONDS: Final = 0.00005


def is_synchronous(stream: Any) -> bool:
    """Whether a source has to be pulled in a thread."""
    return hasattr(stream, "__iter__") and not hasattr(stream, "__aiter__") and not hasattr(stream, "__aenter__")


async def framed_in_thread(iterable: Iterable[Any], outbox: Outbox) -> AsyncGenerator[bytes, None]:
    """What `iterable` gives, framed in `outbox`, as chunks; raises what it raises.

    The thread waits while as much as fills a chunk is not taken. At the end it closes the iterator, and is waited for;
    an iterator that blocks for ever keeps it, as a daemon, until the process ends.
    """
    thread = _Thread(iterable, outbox)
    thread.start()
    try:
        while (chunk := await thread.next()) is not None:
            yield chunk
    finally:
        await thread.close()


class _Thread:
    """What the event loop wants it says by a future in `_waiter`, and only then tries the lock, which it never waits
    for; the thread looks for a waiter after it has let go of the lock. So one of the two always sees the other.
    """

    def __init__(self, iterable: Iterable[Any], outbox: Outbox) -> None:
        self._iterable = iterable
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()  # held while the outbox changes
        self._has_room = threading.Event()
        self._waiter: asyncio.Future[bytes] | None = None
        self._is_stopped = False
        self._is_over = False
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begins, in a copy of the present context."""
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), name="stream source", daemon=True).start()

    async def next(self) -> bytes | None:
        """What waits, as soon as something does; `None` at the end."""
        self._waiter = waiter = self._loop.create_future()
        chunk: bytes | None = None
        if self._lock.acquire(blocking=self._is_over):
            try:
                if self._waiter is waiter and (self._outbox.buffer or self._is_over):
                    self._waiter = None
                    chunk = self._outbox.take()
            finally:
                self._lock.release()
        if chunk is None:
            chunk = await waiter
        self._has_room.set()
        return chunk or None

    async def close(self) -> None:
        """Has the thread close the iterator. Raises what failed there."""
        self._is_stopped = True
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
            del error  # it holds this frame by its traceback

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
        self._is_over = True
        self._hand_over()

    def _pull(self, iterator: Iterable[Any]) -> None:
        for item in iterator:
            if self._is_stopped:
                return
            with self._lock:
                is_time = self._outbox.add(item)
            if self._waiter is not None:
                self._hand_over()
            if is_time:
                sleep(YIELD_SECONDS)
                self._outbox.turn_until = None
            while self._outbox.is_full() and not self._is_stopped:
                self._has_room.wait()
                self._has_room.clear()

    def _hand_over(self) -> None:
        with self._lock:
            waiter = self._waiter
            if waiter is None or not (self._outbox.buffer or self._is_over):
                return
            self._waiter = None
            chunk = self._outbox.take()
        with suppress(RuntimeError):  # the event loop is closed, and nobody waits
            self._loop.call_soon_threadsafe(_settle, waiter, chunk)


def _settle(waiter: asyncio.Future[bytes], chunk: bytes) -> None:
    if not waiter.done():
        waiter.set_result(chunk)
