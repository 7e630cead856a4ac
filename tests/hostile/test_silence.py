"""Clients that announce a body and send none of it take no place, and are refused in time."""

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, StreamPolicy
from jero.http.asgi import Message, Scope
from jero.testing import AsyncTestClient
from tests.streaming.connection import skip_time


class Query(Struct):
    text: str


class Answers(Endpoint, path="/answers"):
    """Answers a whole body with a stream."""

    body_timeout: ClassVar[float] = 5.0

    async def post(self, json: Query) -> NDJSONStreamingResponse[str]:
        return NDJSONStreamingResponse(stream=[json.text])


class Echo(Endpoint, path="/echo"):
    """Reads a body as it arrives: it may be silent for as long as it likes."""

    async def post(self, content: AsyncIterator[bytes]) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self.sizes(content))

    async def sizes(self, content: AsyncIterator[bytes]) -> AsyncIterator[int]:
        async for part in content:
            yield len(part)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(Answers())
        self._include_endpoint(Echo())


class Client:
    """A client whose parts of a body come after pauses, in seconds; then it is silent."""

    def __init__(self, path: str, *parts: tuple[float, bytes]) -> None:
        self.scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"14")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        self.messages: list[Message] = []
        self._parts = list(parts)

    async def receive(self) -> Message:
        if not self._parts:
            await asyncio.get_running_loop().create_future()
        seconds, body = self._parts.pop(0)
        await asyncio.sleep(seconds)
        return {"type": "http.request", "body": body, "more_body": bool(self._parts)}

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])


async def test_silent_bodies_take_no_place() -> None:
    app = App(stream_policy=StreamPolicy(max_concurrent=2))
    async with AsyncTestClient(app) as client:
        silent = [Client("/answers") for _ in range(20)]
        requests = [asyncio.create_task(app(one.scope, one.receive, one.send)) for one in silent]
        await asyncio.sleep(0)
        response = await client.post("/answers", json={"text": "a"})
        assert (response.status_code, response.text) == (200, '"a"\n')
        for request in requests:
            request.cancel()
        await asyncio.wait(requests)


@pytest.mark.parametrize(
    ("parts", "refused_at"), [([], 5), ([(4.0, b'{"text"')], 9), ([(4.0, b'{"text'), (4.0, b'":')], 13)]
)
def test_a_body_that_falls_silent_is_refused(parts: list[tuple[float, bytes]], refused_at: float) -> None:
    async def test() -> None:
        app, client = App(), Client("/answers", *parts, (1_000.0, b""))
        async with app.lifespan():
            await app(client.scope, client.receive, client.send)
        assert client.status == 408
        assert (b"connection", b"close") in client.messages[0]["headers"]
        assert b"No part of the body arrived for 5 seconds." in client.messages[1]["body"]
        # A refusal waits one second more for a client that goes on.
        assert refused_at <= asyncio.get_running_loop().time() <= refused_at + 1.1

    skip_time(test())


def test_a_slow_body_is_answered() -> None:
    async def test() -> None:
        parts = [(4.0, part) for part in (b'{"te', b'xt":', b'"abc"', b"}")]
        app, client = App(), Client("/answers", *parts)
        async with app.lifespan():
            await app(client.scope, client.receive, client.send)
        assert client.status == 200
        assert client.messages[1]["body"] == b'"abc"\n'

    skip_time(test())


def test_a_body_that_is_read_as_it_arrives_may_be_silent() -> None:
    async def test() -> None:
        app, client = App(), Client("/echo", (100.0, b"abc"), (100.0, b"d"))
        async with app.lifespan():
            await app(client.scope, client.receive, client.send)
        assert client.status == 200
        assert b"".join(message.get("body", b"") for message in client.messages) == b"3\n1\n"

    skip_time(test())
