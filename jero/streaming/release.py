"""How a request's task waits for its stream, and is let go."""

import asyncio
from contextlib import suppress
from typing import Any

from anyio import CancelScope


class Release:
    """What is released at its end, or when it has to be left to itself: `is_released`.

    `watcher`: the task that waits for something else meanwhile, the client's leaving; it is called back from there by a
    cancellation, and then it `is_called_back`.
    """

    __slots__ = ("_released", "is_called_back", "is_released", "watcher")

    def __init__(self) -> None:
        self._released: asyncio.Future[None] | None = None  # for the one who waits for it
        self.is_released = False
        self.watcher: asyncio.Task[Any] | None = None
        self.is_called_back = False

    def release(self) -> None:
        """Lets the request end."""
        if self.is_released:
            return
        self.is_released = True
        if self.watcher is not None:
            self.is_called_back = True
            self.watcher.cancel()
        if self._released is not None and not self._released.done():
            self._released.set_result(None)

    def end_with(self, task: asyncio.Task[None]) -> None:
        """Also what was cancelled before its first step ends, and lets its request end."""
        self.release()

    async def wait(self) -> asyncio.CancelledError | None:
        """Returns when it is released; a cancellation meanwhile is given back, for it must not be lost either."""
        cancelled: asyncio.CancelledError | None = None
        try:
            try:
                await self._release()
            except asyncio.CancelledError as error:
                cancelled = error
            if not self.is_released:  # a cancel scope of anyio's cancels again and again
                with CancelScope(shield=True):
                    while not self.is_released:
                        with suppress(asyncio.CancelledError):  # the first is given back
                            await self._release()
            return cancelled
        finally:
            del cancelled  # it holds this frame by its traceback

    def _release(self) -> asyncio.Future[None]:
        """A cancellation of who waits for it cancels it too: it is made for each wait."""
        self._released = asyncio.get_running_loop().create_future()
        return self._released
