"""Makes an application of a test's endpoints, and calls it without a client."""

import asyncio
from collections.abc import Iterable
from typing import Any

from jero import BaseApp, Endpoint
from jero.binding.body import BodyReader
from jero.http.asgi import ASGIApp, HeaderPairs, Message, Scope


class Application(BaseApp):
    """Serves the given endpoints."""

    def __init__(self, *endpoints: Endpoint, **options: Any) -> None:
        super().__init__(**options)
        self._endpoints = endpoints

    async def _wire(self) -> None:
        for endpoint in self._endpoints:
            self._include_endpoint(endpoint)


class ReadOnError(Exception):
    """The application read more messages than the request has."""


def http_scope(
    method: str = "GET", path: str = "/", *, query: bytes = b"", headers: HeaderPairs | None = None, root_path: str = ""
) -> Scope:
    """Returns the scope of a request, as a server makes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": root_path,
        "query_string": query,
        "headers": headers or [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


def read_at_once(name: str, type_: Any, headers: HeaderPairs, body: bytes) -> Any:
    """Returns the argument called `name` that is made of a request's body, which has arrived."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    reading = BodyReader(name, type_, 16_777_216, 30.0).read(http_scope("POST", headers=headers), receive)
    try:
        reading.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits for a body that has arrived")


async def call(app: ASGIApp, scope: Scope, messages: Iterable[Message] = ()) -> list[Message]:
    """Returns the messages that the application sends. `receive` returns `messages`, then raises `ReadOnError`."""
    sent: list[Message] = []
    pending = iter(messages)

    async def receive() -> Message:
        for message in pending:
            return message
        raise ReadOnError

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def call_and_cancel(app: ASGIApp, path: str, moment: asyncio.Event) -> None:
    """Calls the application, and cancels the call when `moment` is set. Raises what the call raises."""
    request = asyncio.create_task(call(app, http_scope(path=path)))
    await moment.wait()
    request.cancel()
    await request
