"""Startup and shutdown: the application's resources, opened while it is wired and closed in reverse."""

import asyncio
import logging
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from anyio import CancelScope

from jero.errors import ServiceUnavailable, WiringError
from jero.http.asgi import Message, Receive, Send

logger = logging.getLogger("jero.lifespan")

R = TypeVar("R")


class Lifespan:
    """Runs `wire` once for each life of the server (ASGI lifespan protocol, version 2), and `unwire` at its end,
    before the resources are closed.

    A host that does not speak that protocol has the life in `run`. Where nobody begins it the first request does,
    in a task of its own that ends with the event loop.
    """

    def __init__(self, wire: Callable[[], Awaitable[None]], unwire: Callable[[], Awaitable[None]]) -> None:
        self._wire = wire
        self._unwire = unwire
        self._resources: AsyncExitStack | None = None
        self._started: asyncio.Future[None] | None = None
        self._own_task: asyncio.Task[None] | None = None
        self.is_ready = False

    @property
    def is_open(self) -> bool:
        """Whether the application is being wired, or runs."""
        return self._resources is not None

    def enter(self, manager: AbstractContextManager[R]) -> R:
        """Opens a resource until the end of this life."""
        return self._open_resources().enter_context(manager)

    async def aenter(self, manager: AbstractAsyncContextManager[R]) -> R:
        """Opens a resource until the end of this life."""
        return await self._open_resources().enter_async_context(manager)

    async def serve(self, receive: Receive, send: Send) -> None:
        """The lifespan protocol, from startup to shutdown."""
        await receive()
        try:
            await self._begin()
        except Exception as error:
            await send(_failed("startup", error))
            return
        try:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        finally:
            answer: Message = {"type": "lifespan.shutdown.complete"}
            try:
                await self._end()
            except Exception as error:
                answer = _failed("shutdown", error)
        await send(answer)

    @asynccontextmanager
    async def run(self) -> AsyncGenerator[None, None]:
        """A life as long as the block. Raises `WiringError` where one is under way."""
        await self._begin()
        try:
            yield
        finally:
            await self._end()

    async def ready(self) -> None:
        """Returns when the application is wired, which it begins to be where no server has told it to.

        Raises what `wire` raises; the next call begins anew. Raises `ServiceUnavailable` while it is started up, or
        shut down, by somebody else.
        """
        if self.is_ready:
            return
        if self._started is None:
            if self.is_open:
                raise ServiceUnavailable("The application starts up or goes down.", headers={"Retry-After": "1"})
            self._started = asyncio.get_running_loop().create_future()
            self._own_task = asyncio.create_task(self._live(self._started), name="lifespan")
        await asyncio.shield(self._started)

    async def _live(self, started: asyncio.Future[None]) -> None:
        try:
            await self._begin()
        except BaseException as error:
            if isinstance(error, Exception):
                started.set_exception(error)
                return
            started.set_exception(RuntimeError(f"the startup was ended by {error!r}"))
            raise
        started.set_result(None)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self._end()

    async def _begin(self) -> None:
        if self._resources is not None:
            raise WiringError(
                "The application runs already. It is started once: by its server, or by a host with app.lifespan()."
            )
        CancelScope()  # anyio loads its part for this event loop on first use, which is not to be in a request
        self._resources = AsyncExitStack()
        try:
            await self._wire()
        except BaseException:
            await self._close()
            raise
        self.is_ready = True

    async def _end(self) -> None:
        self.is_ready = False
        try:
            await self._unwire()
        finally:
            await self._close()

    async def _close(self) -> None:
        try:
            if self._resources is not None:
                await self._resources.aclose()
        finally:
            self._resources = self._started = None

    def _open_resources(self) -> AsyncExitStack:
        if self._resources is None:
            raise WiringError("_enter and _aenter open resources for the life of the application: call them in _wire.")
        return self._resources


def _failed(phase: str, error: Exception) -> Message:
    """A refusal in one sentence where jero knows what is wrong; the whole traceback where the program raised."""
    message = f"WiringError: {error}" if isinstance(error, WiringError) else "".join(traceback.format_exception(error))
    return {"type": f"lifespan.{phase}.failed", "message": message}
