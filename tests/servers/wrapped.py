"""The feeds inside other applications: behind a pure ASGI middleware, and mounted in Starlette."""

from starlette.applications import Starlette
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


marked = Marking(Feeds())
mounted = Starlette(routes=[Mount("/jero", app=Feeds())])
