"""The feeds behind middleware of several kinds: inside jero, around it, and in Starlette."""

import asyncio
import math

from anyio import move_on_after
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send
from tests.servers.feeds import Feeds


class Marking:
    """A middleware around the application that adds a header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-marked", b"yes")]
            await send(message)

        async def passed_on() -> Message:
            return await receive()

        await self._app(scope, passed_on, marked)


class Completing(BaseHTTPMiddleware):
    """A middleware that ends the body when the application returns, as FastAPI's `@app.middleware("http")` does."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


class TimedOut:
    """A middleware that cancels each request after half a second, and raises `TimeoutError`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.timeout(None if scope["type"] == "lifespan" else 0.5):
            await self._app(scope, receive, send)


class MovedOn(TimedOut):
    """A middleware that cancels each request after half a second, and returns."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with move_on_after(math.inf if scope["type"] == "lifespan" else 0.5):
            await self._app(scope, receive, send)


class TimedOutInside(Feeds):
    """The feeds with a timeout inside."""

    async def _wire(self) -> None:
        await super()._wire()
        self._include_middleware(TimedOut)


class Included(Feeds):
    """The feeds with both kinds of middleware inside."""

    async def _wire(self) -> None:
        await super()._wire()
        self._include_middleware(Completing)
        self._include_middleware(Marking)


marked = Marking(Feeds())
included = Included()
timed_out = TimedOut(Feeds())
timed_out_inside = TimedOutInside()
moved_on = MovedOn(Feeds())
timed_out_completed = Completing(TimedOut(Feeds()))
moved_on_completed = Completing(MovedOn(Feeds()))
completed = Completing(Feeds())
in_starlette = Starlette(routes=[Mount("/", app=Feeds())], middleware=[Middleware(Completing)])
mounted = Starlette(routes=[Mount("/jero", app=Feeds())])
