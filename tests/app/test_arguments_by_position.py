"""A Struct of jero that is called with too many arguments by position: the error says what to write."""

import logging
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any, Final

import httpx
import pytest

import jero
from jero import (
    BaseApp,
    Endpoint,
    EventStreamResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    Negotiated,
    ServerSentEvent,
    StreamPolicy,
)
from jero.testing import TestClient
from tests.application import Application

UNTYPED: Any = jero
ADVICE: Final = "takes all of its arguments by name, as in EventStreamResponse(stream=...)"


async def numbers() -> AsyncIterator[int]:
    yield 1


class Wrong(Endpoint, path="/"):
    async def get(self) -> EventStreamResponse[int]:
        response: EventStreamResponse[int] = UNTYPED.EventStreamResponse(numbers())
        return response

    async def put(self) -> JSONResponse[int]:
        made: JSONResponse[int] = UNTYPED.JSONResponse(1, 201)
        return made

    async def patch(self) -> Negotiated[int]:
        response: Negotiated[int] = UNTYPED.Negotiated(numbers(), 201)
        return response

    async def delete(self) -> NDJSONStreamingResponse[ServerSentEvent[int]]:
        return NDJSONStreamingResponse(stream=self._events())

    async def _events(self) -> AsyncIterator[ServerSentEvent[int]]:
        yield ServerSentEvent(data=1)
        event: ServerSentEvent[int] = UNTYPED.ServerSentEvent(2)
        yield event


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_the_log_says_what_to_write(method: str, caplog: pytest.LogCaptureFixture) -> None:
    cut = pytest.raises(httpx.RemoteProtocolError) if method == "DELETE" else nullcontext()
    with TestClient(Application(Wrong())) as client, caplog.at_level(logging.ERROR), cut:
        client.request(method, "/")
    assert caplog.text.count(ADVICE) == 1


def test_a_test_that_asks_for_exceptions_sees_it_once() -> None:
    with (
        TestClient(Application(Wrong()), raise_app_exceptions=True) as client,
        pytest.raises(TypeError) as raised,
    ):
        client.get("/")
    (note,) = raised.value.__notes__
    assert ADVICE in note


class WrongPolicy(BaseApp):
    async def _wire(self) -> None:
        self.policy: StreamPolicy = UNTYPED.StreamPolicy(5)


def test_a_startup_that_fails_says_what_to_write() -> None:
    with pytest.raises(RuntimeError, match="Name them"):
        TestClient(WrongPolicy()).__enter__()


class Other(Endpoint, path="/"):
    async def get(self) -> int:
        raise TypeError("another")


def test_another_error_gets_no_note(caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(Application(Other())) as client, caplog.at_level(logging.ERROR):
        assert client.get("/").status_code == 500
    assert "Name them" not in caplog.text
