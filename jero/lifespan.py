"""Speaks both sides of the lifespan protocol (ASGI lifespan, version 2).

`Lifespan` is the application's side: it starts up when a server says so, opens resources, and closes them at shutdown.
`Startup` is the server's side: it starts up and shuts down another application, such as a mounted one.
"""

import asyncio
import logging
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from anyio import CancelScope

from jero.annotations import wiring_error
from jero.errors import ServiceUnavailable, WiringError, add_advice
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("jero.lifespan")

R = TypeVar("R")


class Lifespan:
    """The application's side of the protocol: runs `wire` at startup and `unwire` at shutdown, each time it is started.

    Resources that `wire` opens are closed after `unwire`, the last one first. A host that does not speak the protocol
    starts the application with `run`. If nothing starts it, the first request does, in a task that ends with the event
    loop. `is_ready`: the application is wired, and is not shutting down.
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
        """Returns whether the application is starting, running or shutting down."""
        return self._resources is not None

    def enter(self, manager: AbstractContextManager[R]) -> R:
        """Opens a resource, and closes it at shutdown.

        Raises `WiringError` if the application is not started, or if `manager` is not a context manager.
        """
        if not hasattr(type(manager), "__enter__"):
            raise _not_a_manager(manager, "_enter", "__aenter__", "await self._aenter")
        return self._open_resources().enter_context(manager)

    async def aenter(self, manager: AbstractAsyncContextManager[R]) -> R:
        """Opens a resource, and closes it at shutdown.

        Raises `WiringError` if the application is not started, or if `manager` is not an asynchronous one.
        """
        if not hasattr(type(manager), "__aenter__"):
            raise _not_a_manager(manager, "_aenter", "__enter__", "self._enter")
        return await self._open_resources().enter_async_context(manager)

    async def serve(self, receive: Receive, send: Send) -> None:
        """Answers the server's messages, from startup to shutdown."""
        await receive()
        try:
            await self._begin()
        except BaseException as error:
            if _is_cancelled(error):
                raise
            # Also SystemExit and KeyboardInterrupt: a server that only sees them serves requests nevertheless.
            await send(_failed("startup", error))
            return
        try:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        finally:
            answer: Message = {"type": "lifespan.shutdown.complete"}
            try:
                await self._end()
            except BaseException as error:
                if _is_cancelled(error):
                    raise
                answer = _failed("shutdown", error)
        await send(answer)

    @asynccontextmanager
    async def run(self) -> AsyncGenerator[None, None]:
        """Starts the application on entry, and shuts it down on exit. Raises `WiringError` if it is started already."""
        await self._begin()
        try:
            yield
        finally:
            await self._end()

    async def ready(self) -> None:
        """Waits until the application is wired. Wires it if no server has started it.

        Raises what `wire` raises; the next call tries again. Raises `ServiceUnavailable` while a server or a host
        starts the application or shuts it down.
        """
        if self.is_ready:
            return
        if self._started is None:
            if self.is_open:
                raise ServiceUnavailable("The application is starting or shutting down.", headers={"Retry-After": "1"})
            self._started = asyncio.get_running_loop().create_future()
            self._own_task = asyncio.create_task(self._run_alone(self._started), name="lifespan")
        await asyncio.shield(self._started)

    async def _run_alone(self, started: asyncio.Future[None]) -> None:
        """Starts the application, and shuts it down when the event loop ends, which cancels this task."""
        try:
            await self._begin()
        except BaseException as error:
            if isinstance(error, Exception):
                started.set_exception(error)
                return
            failure = RuntimeError(f"{error!r} ended the startup")
            failure.__cause__ = error
            started.set_exception(failure)
            raise
        started.set_result(None)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self._end()

    async def _begin(self) -> None:
        if self._resources is not None:
            raise WiringError(
                "The application is started already. Start it once: by its server, or by a host with app.lifespan()."
            )
        CancelScope()  # the first use makes anyio import its part for this event loop: not during a request
        self._resources = AsyncExitStack()
        try:
            await self._wire()
        except BaseException as error:
            add_advice(error)
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
            raise WiringError("_enter and _aenter open resources until the application shuts down. Call them in _wire.")
        return self._resources


class RefusedClass:
    """Refuses to start, and to answer: a server gets it if it was given the class of an application.

    Some servers call the result with `receive` and `send`, as in ASGI 2, and others await it, as in ASGI 3.
    """

    def __init__(self, name: str, scope: Scope, *channels: Any) -> None:
        self._scope = scope
        self._channels = channels
        self._error = wiring_error(name, "the server was given the class", f"Write app = {name}(), and serve app")

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Lets the startup fail. Raises `WiringError` for a request."""
        if self._scope["type"] != "lifespan":
            raise self._error
        await receive()
        await send(_failed("startup", self._error))

    def __await__(self) -> Generator[Any, None, None]:
        return self(*self._channels).__await__()


def is_scope(value: object) -> bool:
    """Returns whether the value is a scope of a server, and not one that an application takes by itself."""
    if not isinstance(value, dict):
        return False
    scope = cast("Scope", value)
    return "asgi" in scope and scope.get("type") in ("lifespan", "http", "websocket")


def _is_cancelled(error: BaseException) -> bool:
    """Returns whether the server has cancelled the lifespan."""
    task = asyncio.current_task()
    is_cancellation = isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling() > 0)
    return is_cancellation or isinstance(error, GeneratorExit)


def _failed(phase: str, error: BaseException) -> Message:
    """Returns the message for a failure: one sentence if jero refused, the whole traceback if the program raised."""
    message = f"WiringError: {error}" if isinstance(error, WiringError) else "".join(traceback.format_exception(error))
    return {"type": f"lifespan.{phase}.failed", "message": message}


def _not_a_manager(manager: object, where: str, other: str, instead: str) -> WiringError:
    """Returns the error of something that `where` cannot open. `other`: the method that `instead` would call."""
    name = type(manager).__name__
    if isinstance(manager, type):
        return wiring_error(where, f"got {manager.__name__}, a class", f"Write {manager.__name__}(...)")
    if hasattr(type(manager), other):
        kind = "a synchronous" if other == "__enter__" else "an asynchronous"
        return wiring_error(where, f"{name} is {kind} context manager", f"Write {instead}(...)")
    decorator = "contextmanager" if where == "_enter" else "asynccontextmanager"
    return wiring_error(
        where,
        f"{name} is not a context manager",
        f"Give one; if a generator makes the resource, add @{decorator} to it",
    )


class Startup:
    """The server's side of the protocol: runs an application's lifespan in a task, from `begin` to `end`.

    It is an async context manager too. `state`: what the application put there for the scopes of its requests. `name`:
    names the application in errors and in the log.
    """

    def __init__(self, app: ASGIApp, name: str = "The application") -> None:
        self._app = app
        self._name = name
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._phase = "startup"
        self.state: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.end()

    async def begin(self) -> None:
        """Starts the application. Raises `RuntimeError` with the application's reason if it does not start.

        An application that does not speak the protocol counts as started, as with every server.
        """
        self.state.clear()
        task = asyncio.create_task(self._run(), name="lifespan")
        task.add_done_callback(_error_of)  # an application that reports its failure may raise it too
        try:
            is_answered = await self._request(task, "startup")
        except asyncio.CancelledError:
            task.cancel()
            raise
        if is_answered:
            self._task = task
        else:
            logger.debug("%s does not speak the lifespan protocol: %r", self._name, _error_of(task))

    async def end(self) -> None:
        """Shuts the application down. Raises `RuntimeError` with the application's reason if that fails."""
        task, self._task = self._task, None
        if task is None:
            return
        is_answered = await self._request(task, "shutdown")
        if is_answered or not task.cancelled():  # the end of the event loop cancels the task
            await task

    async def _request(self, task: asyncio.Task[None], phase: str) -> bool:
        """Sends the phase's message. Returns whether the application answers. Raises `RuntimeError` if it failed."""
        self._phase = phase
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
            raise RuntimeError(f"{self._name}'s {phase} failed: {answer.get('message') or 'it gave no reason'}")
        return True

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._to_app.get, self._answer)
        except (SystemExit, KeyboardInterrupt) as error:  # out of a task, they would end the event loop
            await self._from_app.put(_failed(self._phase, error))

    async def _answer(self, message: Message) -> None:
        if not message["type"].startswith("lifespan."):  # the application takes the lifespan for a request
            raise ValueError(f"{message['type']} is not a message of the lifespan protocol")
        await self._from_app.put(message)


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()
