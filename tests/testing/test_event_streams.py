"""Both test clients read the event stream of one request in the same words as `StreamClient`, and as it does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

import httpx
import pytest
from msgspec import Struct

from jero import (
    BaseApp,
    Endpoint,
    EventStreamResponse,
    JSONResponse,
    NoContent,
    ServerSentEvent,
    StreamFailed,
    StreamOutcome,
    TooManyRequests,
)
from jero.client import EventStream, RequestRefused, StreamClient, StreamCut
from jero.testing import AsyncTestClient, SyncEventStream, TestClient
from tests.application import Application


class Order(Struct):
    kind: Literal["whole", "unfinished", "cut", "refused", "empty", "json", "failed", "stays open"]


class Word(Struct):
    word: str


class WordsEndpoint(Endpoint, path="/words"):
    async def post(self, json: Order) -> EventStreamResponse[Word] | JSONResponse[Word] | NoContent:
        if json.kind == "refused":
            raise TooManyRequests("Later.", headers={"Retry-After": "7"})
        if json.kind == "json":
            return JSONResponse(Word("an error with 200"))
        if json.kind == "empty":
            return NoContent()
        return EventStreamResponse(stream=self._words(json.kind), raw_headers={"X-Kind": json.kind})

    async def _words(self, kind: str) -> AsyncIterator[Word | ServerSentEvent[Any]]:
        yield Word("a")
        await asyncio.sleep(0)
        if kind == "cut":
            raise LookupError
        yield ServerSentEvent(data=Word("b"), event="last", id="2")
        if kind == "failed":
            yield ServerSentEvent(event="error", data=TooManyRequests("Later.").problem())
        if kind in ("whole", "stays open"):
            yield ServerSentEvent(data="[DONE]")
        if kind == "stays open":
            await asyncio.get_running_loop().create_future()


class App(BaseApp):
    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[str] = []

    async def _wire(self) -> None:
        self._include_endpoint(WordsEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.reasons.append(outcome.reason)


Seen = tuple[list[Any], type[Exception] | None, list[str], list[str]]
Until = str | Callable[[ServerSentEvent[Word]], bool] | None


async def read(stream: EventStream[Word], seen: list[Any]) -> None:
    async with stream as entered:
        seen.append((entered.status, entered.headers.get("x-kind")))
        async for event in entered:
            seen.append(event)
            break
        async for event in entered:
            seen.append(event)  # noqa: PERF401 - what came before an error counts


def read_now(stream: SyncEventStream[Word], seen: list[Any]) -> None:
    with stream as entered:
        seen.append((entered.status, entered.headers.get("x-kind")))
        for event in entered:
            seen.append(event)
            break
        seen.extend(entered)


def options(kind: Any, until: Until) -> dict[str, Any]:
    return {"method": "POST", "json": Order(kind), "until": until, "headers": {"X-Own": "1"}}


def outcome(app: App, seen: list[Any], error: Exception | None) -> Seen:
    return seen, None if error is None else type(error), getattr(error, "__notes__", []), app.reasons


def with_stream_client(kind: str, until: Until) -> Seen:
    async def test() -> Seen:
        app, seen, raised = App(), list[Any](), None
        async with AsyncTestClient(app) as http, StreamClient(client=http) as client:
            try:
                await read(client.events("/words", Word, **options(kind, until)), seen)
            except (httpx.HTTPError, StreamFailed) as error:
                raised = error
        return outcome(app, seen, raised)

    return asyncio.run(test())


def with_async_client(kind: str, until: Until) -> Seen:
    async def test() -> Seen:
        app, seen, raised = App(), list[Any](), None
        async with AsyncTestClient(app) as client:
            try:
                await read(client.events("/words", Word, **options(kind, until)), seen)
            except (httpx.HTTPError, StreamFailed) as error:
                raised = error
        return outcome(app, seen, raised)

    return asyncio.run(test())


def with_sync_client(kind: str, until: Until) -> Seen:
    app, seen, raised = App(), list[Any](), None
    with TestClient(app) as client:
        try:
            read_now(client.events("/words", Word, **options(kind, until)), seen)
        except (httpx.HTTPError, StreamFailed) as error:
            raised = error
    return outcome(app, seen, raised)


def is_named_last(event: ServerSentEvent[Word]) -> bool:
    return event.event == "last"


A = ServerSentEvent(data=Word("a"))
B = ServerSentEvent(data=Word("b"), event="last", id="2")
EXPECTED: list[tuple[str, Until, list[Any], type[Exception] | None, list[str]]] = [
    ("whole", "[DONE]", [(200, "whole"), A, B], None, ["completed"]),
    ("whole", is_named_last, [(200, "whole"), A, B], None, ["completed"]),
    ("unfinished", None, [(200, "unfinished"), A, B], None, ["completed"]),
    ("unfinished", "[DONE]", [(200, "unfinished"), A, B], StreamCut, ["completed"]),
    ("stays open", "[DONE]", [(200, "stays open"), A, B], None, ["disconnected"]),
    ("cut", "[DONE]", [(200, "cut"), A], StreamCut, ["failed"]),
    ("cut", None, [(200, "cut"), A], StreamCut, ["failed"]),
    ("failed", "[DONE]", [(200, "failed"), A, B], StreamFailed, ["completed"]),
    ("refused", "[DONE]", [], RequestRefused, []),
    ("empty", "[DONE]", [(204, None)], None, []),
    ("json", "[DONE]", [], httpx.DecodingError, []),
]


@pytest.mark.parametrize("reader", [with_stream_client, with_async_client, with_sync_client])
@pytest.mark.parametrize(("kind", "until", "seen", "error", "reasons"), EXPECTED)
def test_a_post_is_read_alike_by_every_client(
    reader: Callable[[str, Until], Seen],
    kind: str,
    until: Until,
    seen: list[Any],
    error: type[Exception] | None,
    reasons: list[str],
) -> None:
    found, raised, notes, ended = reader(kind, until)
    assert (found, raised, ended) == (seen, error, reasons)
    if kind == "json":
        assert notes == ['The body begins with: {"word":"an error with 200"}']


def test_a_stream_is_entered_once_and_read_inside_of_its_block() -> None:
    with TestClient(App()) as client:
        stream = client.events("/words", Word, **options("whole", "[DONE]"))
        with pytest.raises(RuntimeError, match="no response yet"):
            _ = stream.status
        with pytest.raises(RuntimeError, match="inside of its `with` block"):
            iter(stream)
        with pytest.raises(RuntimeError, match="inside of its `with` block"):
            next(stream)
        with stream:
            assert next(stream) == A
            assert list(stream) == [B]
        with pytest.raises(RuntimeError, match="entered before"), stream:
            pass


@pytest.mark.parametrize("name", ["method", "until"])
@pytest.mark.parametrize("make", [StreamClient, lambda: AsyncTestClient(App()), lambda: TestClient(App())])
def test_sse_points_to_events_for_their_arguments(make: Callable[[], Any], name: str) -> None:
    with pytest.raises(TypeError, match=rf"sse sends GET, .* write events\(url, T, {name}='POST'\)"):
        make().sse("/words", Word, **{name: "POST"})


class HTML(Endpoint, path="/html"):
    """Answers as a proxy does that cannot reach its service."""

    async def get(self) -> EventStreamResponse[str]:
        raw = {"Content-Type": "text/html; charset=latin-1"}
        return EventStreamResponse(stream=self._text(), raw_headers=raw)

    async def _text(self) -> AsyncIterator[str]:
        for _ in range(1_000):
            yield "sorry"
            await asyncio.sleep(0)
        await asyncio.get_running_loop().create_future()


def test_an_endless_body_of_another_type_is_quoted_up_to_a_bound() -> None:
    with TestClient(Application(HTML())) as client:
        for stream in (client.events("/html", str), client.sse("/html", str), client.ndjson("/html", str)):
            with pytest.raises(httpx.DecodingError, match="'text/html', not ") as raised:
                stream.__enter__() if isinstance(stream, SyncEventStream) else next(stream)
            assert "sorry" not in str(raised.value)
            (note,) = raised.value.__notes__
            assert note.startswith("The body begins with: data: sorry\n\ndata: sorry")
            assert 400 < len(note) < 600
