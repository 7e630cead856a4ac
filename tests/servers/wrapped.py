"""The feeds behind middleware: pure, or one that completes each body; inside jero, around it, and in Starlette."""

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


class Included(Feeds):
    """The feeds with both kinds of middleware inside."""

    async def _wire(self) -> None:
        await super()._wire()
        self._include_middleware(Completing)
        self._include_middleware(Marking)


marked = Marking(Feeds())
included = Included()
completed = Completing(Feeds())
in_starlette = Starlette(routes=[Mount("/", app=Feeds())], middleware=[Middleware(Completing)])
mounted = Starlette(routes=[Mount("/jero", app=Feeds())])
