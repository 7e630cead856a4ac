"""A middleware that misses an answer, because the client has left and jero sends none, has not failed."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
from msgspec import Struct
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from jero import BaseApp, Endpoint, EventStreamResponse
from jero.http.asgi import Message
from jero.testing import AsyncTestClient
from tests.application import http_scope

HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"2")]


class Empty(Struct):
    pass


class WorkEndpoint(Endpoint, path="/work"):
    cancel_on_disconnect: ClassVar = True

    def __init__(self, has_begun: asyncio.Event) -> None:
        self._has_begun = has_begun

    async def post(self, json: Empty) -> str:
        self._has_begun.set()
        await asyncio.get_running_loop().create_future()
        return "done"

    async def put(self, json: Empty) -> str | EventStreamResponse[int]:
        return await self.post(json)


async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)


class App(BaseApp):
    def __init__(self) -> None:
        super().__init__()
        self.has_begun = asyncio.Event()

    async def _wire(self) -> None:
        for _ in range(2):
            self._include_middleware(BaseHTTPMiddleware, dispatch=pass_on)
        self._include_endpoint(WorkEndpoint(self.has_begun))


@pytest.fixture
async def app(caplog: pytest.LogCaptureFixture) -> AsyncIterator[App]:
    caplog.set_level(logging.DEBUG, "jero")
    app = App()
    async with AsyncTestClient(app):
        yield app
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert {record.levelno for record in caplog.get_records("call")} == {logging.DEBUG}


async def sent_to(app: App, method: str, *parts: Message) -> list[Message]:
    """Returns what a client is sent that sends `parts`, and leaves when the handler runs or no more comes."""
    sent: list[Message] = []
    waiting = list(parts)

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        if not parts[-1]["more_body"]:
            await app.has_begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(10):
        await app(http_scope(method, "/work", headers=HEADERS), receive, send)
    return sent


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_of_a_handler_that_was_cancelled(app: App, method: str) -> None:
    assert not await sent_to(app, method, {"type": "http.request", "body": b"{}", "more_body": False})


async def test_of_a_body_that_broke_off(app: App) -> None:
    assert not await sent_to(app, "POST", {"type": "http.request", "body": b"{", "more_body": True})
