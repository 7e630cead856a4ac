"""The application's startup and shutdown, as a server runs them."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from jero.http.asgi import ASGIApp, Message


class Startup:
    """Holds the application's lifespan open in a task of its own, between `begin` and `end`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Starts the application up. Raises `RuntimeError` with its reason where it does not start."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.create_task(_run(self._app(scope, self._to_app.get, self._from_app.put)), name="lifespan")
        await self._ask("startup")

    async def end(self) -> None:
        """Shuts it down. Raises `RuntimeError` with its reason where that fails."""
        await self._ask("shutdown")
        if self._task is not None:
            await self._task

    async def _ask(self, phase: str) -> None:
        if self._task is None:
            return
        await self._to_app.put({"type": f"lifespan.{phase}"})
        answer = asyncio.ensure_future(self._from_app.get())
        await asyncio.wait((answer, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():  # the application does not speak the protocol, which it may do
            answer.cancel()
            if not self._task.cancelled():
                self._task.exception()  # a server passes over it, too
            self._task = None
        elif answer.result()["type"] == f"lifespan.{phase}.failed":
            raise RuntimeError(
                f"The application's {phase} failed: {answer.result().get('message', 'it gives no reason')}"
            )


async def _run(lifespan: Any) -> None:
    called: Coroutine[Any, Any, None] = lifespan
    await called
