"""A class of jero that is called with too many arguments by position: the error says what to write."""

import logging
import re
from collections.abc import AsyncIterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from msgspec import Struct

import jero
from jero import (
    BaseApp,
    Cookie,
    Endpoint,
    EventStreamResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    ServerSentEvent,
    StreamPolicy,
)
from jero.advice import add_advice
from jero.testing import TestClient
from tests.application import Application

ANY: Any = SimpleNamespace(
    event_stream=EventStreamResponse, json=JSONResponse, negotiated=Negotiated, cookie=Cookie, no_content=NoContent
)
UNTYPED: Any = jero
GENERIC: Any = EventStreamResponse[int]


async def numbers() -> AsyncIterator[int]:
    yield 1


class Wrong(Endpoint, path="/"):
    async def get(self) -> EventStreamResponse[int]:
        response: EventStreamResponse[int] = ANY.event_stream(numbers())
        return response

    async def post(self) -> NoContent:
        return NoContent(
            cookies=[
                ANY.cookie(
                    "seen",
                    "1",
                )
            ]
        )

    async def put(self) -> JSONResponse[int]:
        made: JSONResponse[int] = ANY.json(1, 201)
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


ADVICE = {
    "GET": "EventStreamResponse was given more arguments by position than it takes. Name them: "
    "EventStreamResponse(stream=...).",
    "POST": "Cookie was given more arguments by position than it takes. Name them: Cookie(name=..., value=...).",
    "PUT": "Name them: JSONResponse(content=...).",
    "PATCH": "Name them: Negotiated(stream=...).",
    "DELETE": "Name them: ServerSentEvent(data=...).",
}


@pytest.mark.parametrize("method", ADVICE)
def test_the_log_says_what_to_write(method: str, caplog: pytest.LogCaptureFixture) -> None:
    cut = pytest.raises(httpx.RemoteProtocolError) if method == "DELETE" else nullcontext()
    with TestClient(Application(Wrong())) as client, caplog.at_level(logging.ERROR), cut:
        client.request(method, "/")
    assert caplog.text.count(ADVICE[method]) == 1


def test_a_test_that_asks_for_exceptions_sees_it_once() -> None:
    with (
        TestClient(Application(Wrong()), raise_app_exceptions=True) as client,
        pytest.raises(TypeError) as raised,
    ):
        client.get("/")
    assert raised.value.__notes__ == [ADVICE["GET"]]


class WrongPolicy(BaseApp):
    async def _wire(self) -> None:
        self.policy: StreamPolicy = UNTYPED.StreamPolicy(5)


def test_a_startup_that_fails_says_what_to_write() -> None:
    with pytest.raises(RuntimeError, match=re.escape("Name them: StreamPolicy(first_item_grace=...)")):
        TestClient(WrongPolicy()).__enter__()


class Own(Struct, kw_only=True):
    name: str
    size: int = 1


def of_no_name() -> Any:
    return [cast("Any", Own)][0]("a")


def of_a_generic() -> Any:
    return GENERIC(numbers())


def of_a_note() -> Any:
    try:
        return of_a_generic()
    except TypeError as error:
        error.add_note("a note of the application")
        raise


def other() -> Any:
    raise TypeError("Extra positional arguments provided")


def noted(make: Any) -> list[str]:
    try:
        make()
    except TypeError as error:
        add_advice(error)
        add_advice(error)
        return getattr(error, "__notes__", [])
    raise AssertionError("nothing was raised")


def test_a_class_that_cannot_be_told_gets_no_note() -> None:
    assert [noted(make) for make in (of_no_name, other)] == [[], []]
    add_advice(TypeError("Extra positional arguments provided"))


def test_a_struct_of_the_application_is_named_too() -> None:
    kind: Any = Own
    assert noted(lambda: kind("a")) == [
        "Own was given more arguments by position than it takes. Name them: Own(name=...)."
    ]


def test_a_class_with_its_type_arguments_is_named_too() -> None:
    assert noted(of_a_generic) == [ADVICE["GET"]]
    assert noted(of_a_note) == ["a note of the application", ADVICE["GET"]]
