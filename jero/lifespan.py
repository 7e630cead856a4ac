"""Startup and shutdown: the application's resources, opened while it is wired and closed in reverse.

Another application's startup and shutdown, as a server runs them (ASGI lifespan protocol, version 2).
"""

import asyncio
import logging
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from anyio import CancelScope

from jero.errors import ServiceUnavailable, WiringError
from jero.http.asgi import ASGIApp, Message, Receive, Send

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


class Startup:
    """Holds the application's lifespan open in a task of its own, between `begin` and `end`, or in an `async with`.

    `state`: what the application put there for the scopes of its requests. `name`: for the log.
    """

    def __init__(self, app: ASGIApp, name: str = "The application") -> None:
        self._app = app
        self._name = name
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.state: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.end()

    async def begin(self) -> None:
        """Starts the application up. Raises `RuntimeError` with its reason where it does not start.

        One that does not speak the protocol counts as started, as it does with every server.
        """
        self.state.clear()
        task = asyncio.create_task(self._run(), name="lifespan")
        task.add_done_callback(_error_of)  # an application that said why it fails may raise it, too
        try:
            is_answered = await self._ask(task, "startup")
        except asyncio.CancelledError:
            task.cancel()
            raise
        if is_answered:
            self._task = task
        else:
            logger.debug("%s does not speak the lifespan protocol: %r", self._name, _error_of(task))

    async def end(self) -> None:
        """Shuts it down. Raises `RuntimeError` with its reason where that fails."""
        task, self._task = self._task, None
        if task is None:
            return
        is_answered = await self._ask(task, "shutdown")
        if is_answered or not task.cancelled():  # an event loop that ends has cancelled it
            await task

    async def _ask(self, task: asyncio.Task[None], phase: str) -> bool:
        """Whether the application answers at all. Raises `RuntimeError` where it says that it failed."""
        await self._to_app.put({"type": f"lifespan.{phase}"})
        answering = asyncio.ensure_future(self._from_app.get())
        try:
            await asyncio.wait((answering, task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not answering.done():
                answering.cancel()
        if answering.cancelled() or not answering.done():
            return False
        answer = answering.result()
        if answer["type"] == f"lifespan.{phase}.failed":
            raise RuntimeError(f"{self._name}'s {phase} failed: {answer.get('message') or 'it gives no reason'}")
        return True

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        await self._app(scope, self._to_app.get, self._take)

    async def _take(self, message: Message) -> None:
        if not message["type"].startswith("lifespan."):  # it takes the lifespan for a request
            raise ValueError(f"{message['type']} is no message of the lifespan protocol")
        await self._from_app.put(message)


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()
