"""`Negotiated` answers as the response class of the format that the client chose would, with the same arguments."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.json import Encoder

from jero import (
    BaseApp,
    Cookie,
    Endpoint,
    EventStreamResponse,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    ServerSentEvent,
    ServiceUnavailable,
    SSEResponse,
    StreamOutcome,
)
from jero.testing import TestClient
from tests.application import Application, http_scope
from tests.streaming.connection import Connection, skip_time


class Row(Struct):
    number: int


class Paging(Struct):
    x_total: int


class Typed(Struct):
    content_type: str


def event(number: int) -> ServerSentEvent[Row]:
    return ServerSentEvent(data=Row(number), event="row", id=str(number))


ITEMS = st.lists(
    st.one_of(
        st.builds(Row, st.integers(0, 9)),
        st.builds(event, st.integers(0, 9)),
        st.just(ServerSentEvent[Row](comment="nothing")),
        st.just({"number": 1, "also": 2}),
        st.just("does not fit"),
    ),
    max_size=4,
)


def reported(error: Exception) -> ServerSentEvent[Any]:
    return ServerSentEvent(event="failed", data={"failed": str(error)})


def total(outcome: StreamOutcome) -> Row:
    return Row(outcome.items)


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "status_code": st.sampled_from([200, 201, 203, 400]),
        "headers": st.builds(Paging, st.integers(0, 9)),
        "raw_headers": st.sampled_from([{"X-Own": "1"}, [("Link", "<a>"), ("link", "<b>")], {"Cache-Control": "x"}]),
        "cookies": st.just([Cookie(name="seen", value="1"), Cookie(name="more", value="2")]),
        "last": st.sampled_from([Row(99), "[DONE]", ServerSentEvent(data="[DONE]"), ServerSentEvent(retry=1), total]),
        "on_error": st.just(reported),
        "encoder": st.just(Encoder(order="sorted")),
        "validate_items": st.booleans(),
        "keepalive": st.sampled_from([None, 30.0]),
    },
)
EXPLICIT: dict[str, tuple[str, ...]] = {
    "lines": (
        "*/*",
        "application/x-ndjson",
        "application/x-ndjson;q=0.5, text/event-stream;q=0.4",
        "application/jsonl",
    ),
    "events": ("text/event-stream", "text/*", "application/json;q=0.1, text/event-stream"),
    "array": ("application/json", "application/json, application/x-ndjson;q=0.9"),
}


class Both(BaseApp):
    """Answers at `/negotiated` and with each explicit class, with the same source and options."""

    def __init__(self) -> None:
        super().__init__()
        self.options: dict[str, Any] = {}
        self.items: list[Any] = []
        self.fails = False

    async def rows(self) -> AsyncIterator[Any]:
        for item in self.items:
            yield item
        if self.fails:
            await asyncio.sleep(0)
            raise ServiceUnavailable("secret")

    async def _wire(self) -> None:
        for name, by_method in {
            "negotiated": (Negotiated, Negotiated),
            "lines": (NDJSONStreamingResponse, NDJSONStreamingResponse),
            "events": (SSEResponse, EventStreamResponse),
            "array": (JSONArrayStreamingResponse, JSONArrayStreamingResponse),
        }.items():
            members = {name: self._handler(kind) for name, kind in zip(("get", "post"), by_method, strict=True)}
            self._include_endpoint(type(name.title(), (Endpoint,), members, path=f"/{name}")())

    def _handler(self, kind: Any) -> Any:
        async def handler(_: Endpoint) -> Any:
            return kind(stream=self.rows(), **self.options)

        handler.__annotations__["return"] = kind[Row, Paging]
        return handler


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Both, TestClient]]:
    app = Both()
    with TestClient(app) as client:
        yield app, client


def exchanged(client: TestClient, method: str, path: str, accept: str) -> tuple[Any, ...]:
    """Returns everything that the client sees, without `Vary`, and whether the transfer was complete."""
    body, is_complete = bytearray(), True
    with client.stream(method, path, headers={"Accept": accept}) as response:
        try:
            for chunk in response.iter_raw():
                body += chunk
        except httpx.RemoteProtocolError:
            is_complete = False
    headers = response.headers.multi_items()
    if path == "/negotiated" and response.headers["content-type"] != "application/problem+json":
        assert response.headers["vary"] == "Accept"
        headers.remove(("vary", "Accept"))
    return response.status_code, sorted(headers), bytes(body), is_complete


@settings(max_examples=150)
@given(
    items=ITEMS,
    options=OPTIONS,
    fails=st.booleans(),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    chosen=st.sampled_from([(name, accept) for name, accepts in EXPLICIT.items() for accept in accepts]),
)
def test_it_is_sent_as_the_explicit_response_is(
    both: tuple[Both, TestClient],
    items: list[Any],
    options: dict[str, Any],
    fails: bool,  # noqa: FBT001 - hypothesis gives it by name
    method: str,
    chosen: tuple[str, str],
) -> None:
    app, client = both
    app.items, app.options, app.fails = items, options, fails
    path, accept = chosen
    assert exchanged(client, method, "/negotiated", accept) == exchanged(client, method, f"/{path}", accept)


class Slow(Endpoint, path="/"):
    """Is silent for 31 seconds between its items."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    async def get(self) -> Negotiated[Row]:
        return Negotiated(stream=self._rows(), **self._options)

    async def _rows(self) -> AsyncIterator[Row]:
        yield Row(1)
        await asyncio.sleep(31)
        yield Row(2)


FIRST, SECOND, PING = b'data: {"number":1}\n\n', b'data: {"number":2}\n\n', b": ping\n\n"
PINGS: list[tuple[dict[str, Any], str, bytes]] = [
    ({}, "text/event-stream", FIRST + 2 * PING + SECOND),
    ({}, "application/x-ndjson", b'{"number":1}\n{"number":2}\n'),
    ({}, "application/json", b'[{"number":1},{"number":2}]'),
    ({"keepalive": None}, "text/event-stream", FIRST + SECOND),
    ({"keepalive": 20}, "text/event-stream", FIRST + PING + SECOND),
    ({"keepalive": 20}, "application/x-ndjson", b'{"number":1}\n\n{"number":2}\n'),
    ({"keepalive": 20}, "application/json", b'[{"number":1} ,{"number":2}]'),
    ({"keepalive": 20, "ping": Row(0)}, "text/event-stream", FIRST + b'data: {"number":0}\n\n' + SECOND),
    ({"keepalive": 20, "ping": lambda: Row(0)}, "application/x-ndjson", b'{"number":1}\n{"number":0}\n{"number":2}\n'),
    ({"keepalive": 20, "ping": Row(0)}, "application/json", b'[{"number":1} ,{"number":2}]'),
    ({"keepalive": 20, "ping": ServerSentEvent(comment="on")}, "text/event-stream", FIRST + b": on\n\n" + SECOND),
    ({"keepalive": 20, "ping": ServerSentEvent(comment="on")}, "application/jsonl", b'{"number":1}\n\n{"number":2}\n'),
]


@pytest.mark.parametrize(("options", "accept", "body"), PINGS)
def test_each_format_has_its_ping(options: dict[str, Any], accept: str, body: bytes) -> None:
    async def test() -> Connection:
        connection = Connection()
        app = Application(Slow(options))
        async with app.lifespan():
            scope = http_scope("GET", "/", headers=[(b"accept", accept.encode())])
            await app(scope, connection.receive, connection.send)
        return connection

    assert skip_time(test()).body == body


async def rows() -> AsyncIterator[Row]:
    yield Row(1)


def answer(annotation: Any, make: Callable[[], Any], accept: str = "*/*", **options: Any) -> httpx.Response:
    async def get(_: Endpoint) -> Any:
        return make()

    get.__annotations__["return"] = annotation
    endpoint: Any = type("Rows", (Endpoint,), {"get": get}, path="/")
    with TestClient(Application(endpoint()), **options) as client:
        return client.get("/", headers={"Accept": accept})


LASTS = [
    ("text/event-stream", 'data: {"number":1}\n\ndata: [DONE]\n\n'),
    ("application/x-ndjson", '{"number":1}\n"[DONE]"\n'),
    ("application/json", '[{"number":1},"[DONE]"]'),
]


@pytest.mark.parametrize(("accept", "text"), LASTS)
@pytest.mark.parametrize("last", ["[DONE]", ServerSentEvent(data="[DONE]", event="end")])
def test_the_last_item_is_sent_as_its_data_where_there_are_no_events(accept: str, text: str, last: Any) -> None:
    got = answer(Negotiated[Row], lambda: Negotiated(stream=rows(), last=last), accept)
    assert got.text.replace("event: end\n", "") == text


def test_no_content_may_stand_beside_it() -> None:
    assert answer(Negotiated[Row] | NoContent, lambda: NoContent(status_code=205)).status_code == 205
    assert answer(Negotiated[Row] | NoContent, lambda: Negotiated(stream=rows())).text == '{"number":1}\n'


def test_a_client_that_accepts_no_format_is_refused_before_the_handler() -> None:
    def never() -> Any:
        raise AssertionError("the handler was called")

    refused = answer(Negotiated[Row], never, "text/csv")
    assert (refused.status_code, refused.headers["vary"]) == (406, "Accept")


class Numbers:
    """Counts how often it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("annotation", [Row, AsyncIterator[Row], NDJSONStreamingResponse[Row], NoContent])
def test_one_that_is_not_declared_is_an_error_that_says_what_to_write(annotation: Any) -> None:
    numbers = Numbers()
    with pytest.raises(TypeError, match=r"returned Negotiated; .* Annotate it with Negotiated\[Item\]"):
        answer(annotation, lambda: Negotiated(stream=numbers), raise_app_exceptions=True)
    assert numbers.closed == 1


def test_a_source_alone_is_an_error_that_says_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"says Negotiated\[Row\]\. Write Negotiated\(stream=\.\.\.\) around it"):
        answer(Negotiated[Row], rows, raise_app_exceptions=True)


@pytest.mark.parametrize(
    "options",
    [
        {"raw_headers": {"content-Type": "a/b"}},
        {"headers": Typed("a/b")},
        {"raw_headers": [("X", "1"), ("Content-Type", "c")]},
    ],
)
def test_a_content_type_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=re.escape("the client's Accept chooses. Leave it out")):
        Negotiated(stream=[1], **options)


def test_a_vary_of_its_own_is_sent_too() -> None:
    got = answer(Negotiated[Row], lambda: Negotiated(stream=rows(), raw_headers={"Vary": "Cookie"}))
    assert got.headers.get_list("vary") == ["Cookie", "Accept"]


class Partial(Negotiated[Row, Paging], frozen=True, kw_only=True):
    status_code: int = 206


def test_a_subclass_has_its_own_defaults() -> None:
    got = answer(Partial, lambda: Partial(stream=rows(), headers=Paging(3)), "application/json")
    assert (got.status_code, got.headers["x-total"], got.text) == (206, "3", '[{"number":1}]')
