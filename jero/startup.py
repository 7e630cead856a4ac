"""Another application's startup and shutdown, as a server runs them (ASGI lifespan protocol, version 2)."""

import asyncio
import logging
from types import TracebackType
from typing import Any, Self

from jero.http.asgi import ASGIApp, Message

logger = logging.getLogger("jero.lifespan")


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
