"""The user's stream: opened once, closed once, both by the task that owns it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeGuard

from jero.errors import StreamInterrupted
from jero.framing.framing import FramedSource
from jero.policy import StreamOutcome

MISSING: Final = object()


class Source:
    """A plain async iterable, a lifecycle generator, or an async context manager that enters to an async iterable.

    `first` is the item that opening had to pull to tell a plain generator from a lifecycle, or `MISSING`.
    """

    __slots__ = ("_items", "_lifecycle", "_manager", "_stream", "first")

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._items: AsyncIterator[Any] | None = None
        self._lifecycle: AsyncGenerator[Any, StreamOutcome] | None = None
        self._manager: AbstractAsyncContextManager[Any] | None = None
        self.first: Any = MISSING

    async def open(self) -> AsyncIterator[Any]:
        """Runs the setup and gives the items; what it raises is the setup's failure."""
        if hasattr(self._stream, "__aenter__"):
            entered = await self._stream.__aenter__()
            self._manager = self._stream
            return self._iterate(entered)
        items = self._iterate(self._stream)
        if _is_generator(items) and not isinstance(self._stream, FramedSource):
            first: Any = await anext(items, MISSING)
            if hasattr(first, "__aiter__"):
                self._lifecycle = items
                return self._iterate(first)
            self.first = first
        return items

    def _iterate(self, iterable: Any) -> AsyncIterator[Any]:
        items: AsyncIterator[Any] = iterable.framed() if isinstance(iterable, FramedSource) else aiter(iterable)
        self._items = items
        return items

    async def close(self, outcome: StreamOutcome, report: Callable[[BaseException], StreamOutcome]) -> None:
        """Closes the items, resumes the lifecycle with the outcome, leaves the context manager.

        Each is done whatever becomes of the others: `report` takes what one raises, and gives the outcome that
        the next is to know of.
        """
        try:
            for step in (self._close_items, self._resume_lifecycle, self._leave_manager):
                try:
                    await step(outcome)
                except BaseException as error:
                    outcome = report(error)
        finally:
            del outcome  # it holds this frame, and with it the stream, by its error's traceback

    async def _close_items(self, outcome: StreamOutcome) -> None:
        items = self._stream if self._items is None else self._items
        close: Callable[[], Awaitable[None]] | None = getattr(items, "aclose", None)
        if close is not None:
            await close()

    async def _resume_lifecycle(self, outcome: StreamOutcome) -> None:
        if self._lifecycle is None:
            return
        try:
            await self._lifecycle.asend(outcome)
        except StopAsyncIteration:
            return
        await self._lifecycle.aclose()
        name = getattr(self._lifecycle, "__qualname__", type(self._lifecycle).__name__)
        raise RuntimeError(f"{name} yielded a second time; a lifecycle yields once: setup before, teardown after.")

    async def _leave_manager(self, outcome: StreamOutcome) -> None:
        if self._manager is None:
            return
        error = outcome.error
        if error is None and outcome.reason != "completed":
            error = StreamInterrupted(outcome.reason)
        try:
            if error is None:
                await self._manager.__aexit__(None, None, None)
            else:
                await self._manager.__aexit__(type(error), error, error.__traceback__)
        except BaseException as raised:
            if raised is not error:
                raise


def _is_generator(items: AsyncIterator[Any]) -> TypeGuard[AsyncGenerator[Any, StreamOutcome]]:
    return isinstance(items, AsyncGenerator)


async def close_unstarted(stream: Any) -> None:
    """Closes a stream that is not to be opened: none of its code runs."""
    close: Callable[[], Awaitable[None]] | None = getattr(stream, "aclose", None)
    close_in_thread: Callable[[], None] | None = getattr(stream, "close", None)
    if close is not None:
        await close()
    elif close_in_thread is not None and hasattr(stream, "__iter__"):
        await asyncio.to_thread(close_in_thread)
