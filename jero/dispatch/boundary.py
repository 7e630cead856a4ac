"""Around an application that is not jero's own: a request that it leaves without an answer gets one."""

from jero.dispatch.failures import Failures
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send, is_disconnect, is_response_start


class Boundary:
    """Calls `app`; where it raises before its response has begun, or ends without one, `failures` answers.

    What it raises later is raised on: the server logs it, and drops the connection. `name`: for the log.
    """

    def __init__(self, app: ASGIApp, failures: Failures, name: str) -> None:
        self._app = app
        self._failures = failures
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application itself."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
            if not exchange.has_begun and not exchange.has_left:
                raise RuntimeError(f"{self._name} ended without a response")
        except Exception as error:
            if exchange.has_begun:
                raise
            await self._failures.answer(error, scope, send)


class _Exchange:
    """One request's channels, and what has come by them: the beginning of a response, the client's leaving."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.has_begun = False
        self.has_left = False

    async def receive(self) -> Message:
        message = await self._receive()
        if is_disconnect(message):
            self.has_left = True
        return message

    async def send(self, message: Message) -> None:
        if is_response_start(message):
            if self.has_begun:
                raise RuntimeError("a response begins that has begun already")
            self.has_begun = True
        await self._send(message)
