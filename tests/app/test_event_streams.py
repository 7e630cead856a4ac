"""An event stream on any method, for clients that read it once: it ends as NDJSON does, and not as an `SSEResponse`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from msgspec import Struct

from jero import (
    BaseApp,
    Endpoint,
    EventStreamResponse,
    ServerSentEvent,
    ServiceUnavailable,
    StreamOutcome,
    StreamPolicy,
)
from jero.errors import UnfinishedBody
from jero.http.asgi import Scope
from jero.testing import TestClient
from tests.application import http_scope
from tests.streaming.connection import Connection, skip_time


class Chunk(Struct):
    text: str


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Explicit(Endpoint, path="/explicit"):
    """Answers every method with what `source` makes."""

    def __init__(self, source: Any, **options: Any) -> None:
        self._source = source
        self._options = options

    async def get(self) -> EventStreamResponse[Chunk]:
        return EventStreamResponse(stream=self._source(), **self._options)

    post = put = patch = delete = get


class Negotiated(Endpoint, path="/negotiated"):
    def __init__(self, source: Any) -> None:
        self._source = source

    async def post(self) -> AsyncIterator[Chunk]:
        stream: AsyncIterator[Chunk] = self._source()
        return stream


class App(BaseApp):
    """Answers with the source in both ways, and records the outcomes."""

    def __init__(self, source: Any, policy: StreamPolicy | None = None, **options: Any) -> None:
        super().__init__(stream_policy=policy or StreamPolicy())
        self._endpoints = (Explicit(source, **options), Negotiated(source))
        self.outcomes: list[StreamOutcome] = []

    async def _wire(self) -> None:
        for endpoint in self._endpoints:
            self._include_endpoint(endpoint)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


PATHS = pytest.mark.parametrize("path", ["/explicit", "/negotiated"])


def post(path: str) -> Scope:
    return http_scope("POST", path, headers=[(b"accept", b"text/event-stream")])


def sent(app: App, path: str, *, drains: bool = False) -> tuple[Connection, App]:
    """Returns what is sent to a POST, and the application. `drains`: the server is shut down after the first item."""

    async def test() -> Connection:
        connection = Connection()
        async with app.lifespan():
            request = asyncio.create_task(app(post(path), connection.receive, connection.send))
            if drains:
                await connection.wait_for_bytes(b"a")
                await app.drain()
            with suppress(UnfinishedBody):  # what a cut is for the middleware around the application
                await request
        return connection

    return skip_time(test()), app


async def chunks() -> AsyncIterator[Chunk | ServerSentEvent[Chunk]]:
    yield Chunk("a")
    yield ServerSentEvent(event="delta", data=Chunk("b"), id="2")


@pytest.mark.parametrize("method", METHODS)
def test_events_are_sent_on_any_method(method: str) -> None:
    with TestClient(App(chunks)) as client:
        response = client.request(method, "/explicit")
    assert response.text == 'data: {"text":"a"}\n\nevent: delta\nid: 2\ndata: {"text":"b"}\n\n'
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert response.headers["x-accel-buffering"] == "no"


async def failing() -> AsyncIterator[Chunk]:
    yield Chunk("a")
    await asyncio.sleep(0)
    raise ServiceUnavailable("secret")


@PATHS
def test_a_stream_that_fails_is_cut_without_an_event(path: str) -> None:
    connection, app = sent(App(failing), path)
    assert (connection.body, connection.is_complete) == (b'data: {"text":"a"}\n\n', False)
    assert [outcome.reason for outcome in app.outcomes] == ["failed"]


def test_on_error_gives_a_last_event_and_a_proper_end() -> None:
    def report(error: Exception) -> ServerSentEvent[dict[str, str]]:
        return ServerSentEvent(event="error", data={"message": "overloaded"})

    app = App(failing, on_error=report)
    with TestClient(app) as client:
        text = client.post("/explicit").text
    assert text == 'data: {"text":"a"}\n\nevent: error\ndata: {"message":"overloaded"}\n\n'


async def failing_late() -> AsyncIterator[Chunk]:
    await asyncio.sleep(4.5)
    if asyncio.get_running_loop().time() > 0:
        raise ServiceUnavailable("overloaded", headers={"Retry-After": "7"})
    yield Chunk("never")


@PATHS
def test_a_failure_within_five_seconds_has_its_true_status(path: str) -> None:
    connection, _ = sent(App(failing_late), path)
    start = connection.messages[0]
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"7")


async def slow(seconds: float) -> AsyncIterator[Chunk]:
    yield Chunk("a")
    await asyncio.sleep(seconds)
    yield Chunk("b")


@PATHS
def test_a_stream_may_complete_while_the_server_shuts_down(path: str) -> None:
    connection, app = sent(App(partial(slow, 4), StreamPolicy(drain_timeout=5)), path, drains=True)
    assert (connection.body, connection.is_complete) == (b'data: {"text":"a"}\n\ndata: {"text":"b"}\n\n', True)
    assert [outcome.reason for outcome in app.outcomes] == ["completed"]


@PATHS
@pytest.mark.parametrize(
    ("reason", "policy"),
    [("shutdown", StreamPolicy(drain_timeout=5)), ("expired", StreamPolicy(max_duration=5))],
)
def test_a_stream_that_is_cut_short_has_no_proper_end(path: str, reason: str, policy: StreamPolicy) -> None:
    connection, app = sent(App(partial(slow, 14), policy), path, drains=reason == "shutdown")
    assert (connection.body, connection.is_complete) == (b'data: {"text":"a"}\n\n', False)
    assert [outcome.reason for outcome in app.outcomes] == [reason]


@PATHS
def test_a_silent_stream_sends_pings(path: str) -> None:
    connection, _ = sent(App(partial(slow, 31)), path)
    assert connection.body == b'data: {"text":"a"}\n\n: ping\n\n: ping\n\ndata: {"text":"b"}\n\n'
