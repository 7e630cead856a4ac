"""Cancels a handler that nobody waits for any more: its client leaves, or its time is over.

The handler runs in the request's task. Meanwhile a second task calls `receive`, since that is the only sign of a client
that leaves, and cancels the request's task once, as `asyncio.timeout` does. If the handler returns a stream, the engine
goes on with the same call of `receive`: a second call could miss what the first one was about to return.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from time import monotonic
from typing import Any, TypeVar, cast

from jero.dispatch.departures import Departures
from jero.errors import ClientDisconnected, GatewayTimeout
from jero.http.asgi import Message, Receive, Scope, Send
from jero.streaming.serve import client_left

R = TypeVar("R")


class HandlerWatch:
    """Watches for the client to leave while the handler of a request runs, and until `close`.

    `departures` notice it if `receive` does not.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, departures: Departures) -> None:
        self.scope = scope
        self.server_send = send
        self.began = monotonic()
        self._departures = departures
        self._request: asyncio.Task[Any] | None = None  # while the handler runs
        self._has_cancelled = False
        self._watching = asyncio.create_task(client_left(receive), name="watch for a disconnect")
        self._watching.add_done_callback(self._stop_watching)

    async def result_of(self, running: Awaitable[R]) -> R:
        """Returns what the handler returns. If the client leaves first, cancels the handler.

        Raises `ClientDisconnected` if that ends the handler. A handler may suppress the cancellation, and return. A
        cancellation that comes from somewhere else is raised on.
        """
        request = self._request = asyncio.current_task()
        if request is None:
            raise RuntimeError("an ASGI application runs in a task of asyncio")
        cancellations = request.cancelling()
        self._departures.handlers.add(self)
        if not self._departures.is_looking:
            self._departures.begin()
        try:
            return await running
        except BaseException as error:
            has_cancelled = self._has_cancelled and request.cancelling() <= cancellations + 1
            if not has_cancelled or not _is_cancellation(error):
                raise
            raise ClientDisconnected("the client left while the handler ran") from None
        finally:
            self._departures.handlers.discard(self)
            self._request = None
            if self._has_cancelled:
                request.uncancel()
            del request  # a cancellation's traceback refers to this frame

    async def receive(self) -> Message:
        """Returns the message that the client left, when it has. Passes over what the client still sends."""
        await self._watching
        return {"type": "http.disconnect"}

    async def close(self) -> None:
        """Ends the watch. From now on `receive` of the request may be called again."""
        if not self._watching.done():
            self._watching.cancel()
            await asyncio.wait([self._watching])

    def client_left(self) -> None:
        """Cancels the handler, once."""
        # The handler may have returned in the same turn of the event loop: what comes after it is not cancelled.
        if self._request is not None and not self._has_cancelled:
            self._has_cancelled = True
            self._request.cancel()

    def _stop_watching(self, watching: asyncio.Task[None]) -> None:
        if not watching.cancelled():
            self.client_left()


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_cancellation(member) for member in cast("BaseExceptionGroup[Any]", error).exceptions)
    return isinstance(error, asyncio.CancelledError)


async def attended(running: Awaitable[R], watch: HandlerWatch) -> R:
    """Returns what a handler returns, and cancels the handler if the client leaves. Raises as `result_of` does."""
    try:
        return await watch.result_of(running)
    finally:
        await watch.close()


def limited(handler: Callable[..., Coroutine[Any, Any, R]], seconds: float) -> Callable[..., Coroutine[Any, Any, R]]:
    """Returns the handler with a limit in time. Over it, the handler is cancelled, and `GatewayTimeout` is raised."""

    @wraps(handler)
    async def limited_handler(*arguments: Any, **options: Any) -> R:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await handler(*arguments, **options)
        except TimeoutError:
            if not limit.expired():  # of the handler's own
                raise
            raise GatewayTimeout(f"The handler did not return within {seconds:g} s.") from None

    return limited_handler
