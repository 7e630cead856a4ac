"""The item `last` is sent after all others, once, if a stream completed and its teardown has succeeded."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from jero import (
    BaseApp,
    Endpoint,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    ServerSentEvent,
    SSEResponse,
    StreamingResponse,
    StreamOutcome,
    StreamPolicy,
    StreamStart,
)
from jero.framing.framing import Framing
from jero.responses.streaming import FramedResponse
from jero.testing import AsyncTestClient, TestClient


class Row(Struct, tag="row"):
    number: int


class Total(Struct, tag="total"):
    rows: int


class Wrapped(FramedResponse[Row | Total], frozen=True, kw_only=True):
    """Rows within an object, as a format with an opening and closing of its own."""

    framing = Framing(
        content_type="application/json",
        encode=JSONArrayStreamingResponse.framing.encode,
        opening=b'{"rows":[',
        separator=b",",
        closing=b"]}",
    )


async def generated(rows: list[Any]) -> AsyncIterator[Any]:
    for row in rows:
        yield row


async def paused(rows: list[Any]) -> AsyncIterator[Any]:
    for row in rows:
        yield row
        await asyncio.sleep(0)


async def lifecycle(rows: list[Any]) -> AsyncGenerator[AsyncIterable[Any], StreamOutcome]:
    yield paused(rows)


@asynccontextmanager
async def managed(rows: list[Any]) -> AsyncGenerator[AsyncIterator[Any], None]:
    yield generated(rows)


def threaded(rows: list[Any]) -> Iterator[Any]:
    yield from rows


SOURCES: list[Callable[[list[Any]], Any]] = [list, tuple, generated, paused, lifecycle, managed, threaded]
EACH_SOURCE = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)


class App(BaseApp):
    """Sends what `answer` returns, and records the outcomes."""

    def __init__(self, answer: Callable[[], FramedResponse[Any, Any]], **options: Any) -> None:
        super().__init__(**options)
        self.answer = answer
        self.outcomes: list[StreamOutcome] = []

    async def _wire(self) -> None:
        app = self
        declared: Any = type(app.answer())

        class RowsEndpoint(Endpoint, path="/"):
            async def get(self) -> Any:
                return app.answer()

        if declared not in (StreamingResponse, Wrapped):
            declared = declared[Row]
        RowsEndpoint.get.__annotations__["return"] = declared
        self._include_endpoint(RowsEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


def answered(answer: Callable[[], FramedResponse[Any, Any]], **options: Any) -> tuple[httpx.Response, StreamOutcome]:
    app = App(answer, **options)
    with TestClient(app) as client:
        response = client.get("/")
    (outcome,) = app.outcomes
    return response, outcome


def ended(response: Any, stream: Callable[[], Any], last: Any) -> Callable[[], FramedResponse[Any, Any]]:
    """Returns what makes a response with that last item."""
    return lambda: response(stream=stream(), last=last)


def total(outcome: StreamOutcome) -> Total:
    assert outcome.reason == "completed"
    return Total(rows=outcome.items)


FORMATS: list[tuple[Any, str]] = [
    (NDJSONStreamingResponse, '{"type":"row","number":7}\n{"type":"total","rows":1}\n'),
    (JSONArrayStreamingResponse, '[{"type":"row","number":7},{"type":"total","rows":1}]'),
    (SSEResponse, 'data: {"type":"row","number":7}\n\ndata: {"type":"total","rows":1}\n\n'),
    (Wrapped, '{"rows":[{"type":"row","number":7},{"type":"total","rows":1}]}'),
]


@EACH_SOURCE
@pytest.mark.parametrize(("response", "body"), FORMATS, ids=lambda value: getattr(value, "__name__", ""))
def test_each_format_ends_with_the_last_item(source: Any, response: Any, body: str) -> None:
    for last in (total, Total(rows=1), ServerSentEvent(data=Total(rows=1))):
        sent, outcome = answered(ended(response, lambda: source([Row(7)]), last))
        assert sent.text == body
        assert (outcome.reason, outcome.items, outcome.bytes) == ("completed", 2, len(body))


@EACH_SOURCE
def test_chunks_of_bytes_end_with_the_last_chunk(source: Any) -> None:
    sent, outcome = answered(lambda: StreamingResponse(stream=source([b"a", b"b"]), last=b"c"))
    assert (sent.content, outcome.items, outcome.bytes) == (b"abc", 3, 3)


@EACH_SOURCE
@pytest.mark.parametrize("response", [NDJSONStreamingResponse, JSONArrayStreamingResponse, SSEResponse])
def test_a_stream_without_items_consists_of_its_last_item(source: Any, response: Any) -> None:
    sent, outcome = answered(lambda: response(stream=source([]), last=total))
    alone, _ = answered(lambda: response(stream=[Total(rows=0)]))
    assert sent.content == alone.content
    assert (outcome.items, outcome.first_item_after) == (1, None)


@EACH_SOURCE
@pytest.mark.parametrize("response", [NDJSONStreamingResponse, JSONArrayStreamingResponse])
def test_an_event_without_data_is_no_last_item_of_other_formats(source: Any, response: Any) -> None:
    sent, outcome = answered(lambda: response(stream=source([Row(7)]), last=ServerSentEvent(comment="end")))
    alone, _ = answered(lambda: response(stream=source([Row(7)])))
    assert (sent.content, outcome.items) == (alone.content, 1)


@pytest.mark.parametrize("response", [NDJSONStreamingResponse, JSONArrayStreamingResponse, SSEResponse])
@settings(max_examples=15)
@given(numbers=st.lists(st.integers(0, 9), max_size=4), size=st.sampled_from([1, 40, 65_536]))
def test_a_callable_receives_the_outcome_of_the_items_before_it(response: Any, numbers: list[int], size: int) -> None:
    received = list[tuple[int, int, str, str]]()

    def last(outcome: StreamOutcome) -> Total:
        received.append((outcome.items, outcome.bytes, outcome.endpoint, outcome.method))
        return Total(rows=outcome.items)

    rows = [Row(number) for number in numbers]
    closing = len(response.framing.closing)
    end = Total(rows=len(rows))
    policy = StreamPolicy(chunk_bytes=size)
    for source in (list[Row], generated, paused):
        whole, _ = answered(ended(response, partial(source, rows), last), stream_policy=policy)
        expected, _ = answered(lambda: response(stream=generated([*rows, end])))
        before, outcome = answered(lambda: response(stream=generated(rows)))
        assert whole.content == expected.content
        sent = len(before.content) - closing if rows else 0
        assert received.pop() == (len(rows), sent, outcome.endpoint, outcome.method)
        assert not received


def fail(outcome: StreamOutcome) -> Any:
    raise ValueError("no total")


@EACH_SOURCE
@pytest.mark.parametrize("last", [fail, object()], ids=["raises", "cannot be encoded"])
def test_a_last_item_that_fails_cuts_the_stream(source: Any, last: Any) -> None:
    app = App(lambda: NDJSONStreamingResponse(stream=source([Row(7)]), last=last))
    with TestClient(app) as client, client.stream("GET", "/") as response:
        chunks = list[bytes]()
        with pytest.raises(httpx.RemoteProtocolError):
            chunks += response.iter_bytes()
    (outcome,) = app.outcomes
    assert (outcome.reason, outcome.items) == ("failed", 1)
    assert isinstance(outcome.error, ValueError | TypeError)


@EACH_SOURCE
def test_a_last_item_that_fails_is_called_once_and_reported_by_on_error(source: Any) -> None:
    calls = list[StreamOutcome]()

    def last(outcome: StreamOutcome) -> Any:
        calls.append(outcome)
        raise ValueError("no total")

    sent, outcome = answered(
        lambda: NDJSONStreamingResponse(stream=source([Row(7)]), last=last, on_error=lambda error: Total(rows=-1))
    )
    assert sent.text == '{"type":"row","number":7}\n{"type":"total","rows":-1}\n'
    assert (len(calls), outcome.reason) == (1, "failed")


@EACH_SOURCE
def test_a_last_item_that_fails_before_the_first_byte_is_answered(source: Any) -> None:
    sent, outcome = answered(lambda: NDJSONStreamingResponse(stream=source([]), last=fail))
    assert (sent.status_code, outcome.reason, outcome.items) == (500, "failed", 0)


@EACH_SOURCE
def test_the_last_item_is_not_checked(source: Any) -> None:
    sent, outcome = answered(
        lambda: NDJSONStreamingResponse(stream=source([Row(7)]), last=Total(rows=1)), validate_items=True
    )
    assert sent.text == '{"type":"row","number":7}\n{"type":"total","rows":1}\n'
    assert outcome.reason == "completed"


class Broken(Exception):
    """Raised by a source, or by its teardown."""


async def broken() -> AsyncIterator[Row]:
    yield Row(7)
    raise Broken


@asynccontextmanager
async def torn() -> AsyncGenerator[AsyncIterator[Row], None]:
    yield generated([Row(7)])
    await asyncio.sleep(0)
    raise Broken


def broken_in_a_thread() -> Iterator[Row]:
    yield Row(7)
    raise Broken


@pytest.mark.parametrize("source", [broken, torn, broken_in_a_thread])
def test_a_stream_that_failed_has_no_last_item(source: Callable[[], Any]) -> None:
    calls = list[StreamOutcome]()
    app = App(lambda: NDJSONStreamingResponse(stream=source(), last=calls.append))
    with TestClient(app) as client, client.stream("GET", "/") as response, pytest.raises(httpx.RemoteProtocolError):
        response.read()
    (outcome,) = app.outcomes
    assert (outcome.reason, calls) == ("failed", [])


async def test_the_last_item_waits_for_the_teardown() -> None:
    steps = list[str]()

    @asynccontextmanager
    async def source() -> AsyncGenerator[AsyncIterator[Row], None]:
        yield generated([Row(7)])
        await asyncio.sleep(0)
        steps.append("torn down")

    def last(outcome: StreamOutcome) -> Total:
        steps.append("last")
        return Total(rows=outcome.items)

    async with AsyncTestClient(App(lambda: NDJSONStreamingResponse(stream=source(), last=last))) as client:
        await client.get("/")
    assert steps == ["torn down", "last"]


@pytest.mark.parametrize("reason", ["disconnected", "shutdown", "expired"])
async def test_a_stream_that_is_ended_from_outside_has_no_last_item(reason: str) -> None:
    calls = list[StreamOutcome]()

    async def endless() -> AsyncIterator[Row]:
        yield Row(7)
        await asyncio.get_running_loop().create_future()

    limit = 0.01 if reason == "expired" else None
    policy = StreamPolicy(drain_timeout=0.01, max_duration=limit)
    app = App(lambda: SSEResponse(stream=endless(), last=calls.append), stream_policy=policy)
    async with AsyncTestClient(app) as client, client.stream("GET", "/") as response:
        body = aiter(response.aiter_lines())
        assert await anext(body) == 'data: {"type":"row","number":7}'
        if reason == "shutdown":
            await app.drain()
        if reason != "disconnected":
            assert not [line async for line in body if line.startswith("data")]
    (outcome,) = app.outcomes
    assert (outcome.reason, outcome.items, calls) == (reason, 1, [])


def test_head_makes_no_last_item() -> None:
    calls = list[StreamOutcome]()
    app = App(lambda: NDJSONStreamingResponse(stream=[Row(7)], last=calls.append))
    with TestClient(app) as client:
        assert client.head("/").status_code == 200
    assert calls == []


class Gauge(App):
    """Wants to know of each start."""

    async def _on_stream_start(self, start: StreamStart) -> None:
        await asyncio.sleep(0)


def test_a_list_has_its_last_item_if_its_start_is_reported() -> None:
    app = Gauge(lambda: JSONArrayStreamingResponse(stream=[Row(7)], last=total))
    with TestClient(app) as client:
        assert client.get("/").text == '[{"type":"row","number":7},{"type":"total","rows":1}]'
    assert [(outcome.reason, outcome.items) for outcome in app.outcomes] == [("completed", 2)]


def test_a_function_that_frames_the_last_event_itself_fails_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    def framed(outcome: StreamOutcome) -> bytes:
        return b"data: [DONE]\n\n"

    app = App(ended(SSEResponse, lambda: paused([Row(1)]), framed))
    with TestClient(app) as client:
        text = client.get("/").text
    assert text.startswith('data: {"type":"row","number":1}\n\nevent: error\n')
    assert "DONE" not in text
    assert [outcome.reason for outcome in app.outcomes] == ["failed"]
    assert "it is framed as an event already, and would be framed again" in caplog.text


def no_argument() -> Total:
    return Total(rows=1)


def own_fault(_: StreamOutcome) -> Any:
    called: Any = no_argument
    return called(1)


@EACH_SOURCE
def test_a_function_that_does_not_take_the_outcome_is_told_from_one_that_fails(source: Any) -> None:
    wrong, failing = (
        App(ended(NDJSONStreamingResponse, lambda: source([Row(7)]), last)) for last in (no_argument, own_fault)
    )
    for app in (wrong, failing):
        with TestClient(app, raise_app_exceptions=False) as client, suppress(httpx.RemoteProtocolError):
            client.get("/")
    [[mistaken], [raised]] = wrong.outcomes, failing.outcomes
    assert isinstance(mistaken.error, TypeError)
    assert re.fullmatch(
        r"last=<function no_argument .*> is called with one argument, the StreamOutcome, which it does not take: "
        r"no_argument\(\) takes 0 .* given\. Give it that parameter, or give the item itself\.",
        str(mistaken.error),
    )
    assert str(raised.error) == "no_argument() takes 0 positional arguments but 1 was given"
