"""A list or tuple as a stream has the bytes, the checks and the outcome of a generator of the same items."""

import asyncio
from collections.abc import AsyncIterator, Sequence
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
from jero.dispatch.ready import LARGEST_BODY
from jero.http.asgi import Message
from jero.testing import TestClient
from tests.application import http_scope


class Row(Struct, tag=True):
    number: int
    text: str = ""


class Other(Struct, tag=True):
    text: str


async def generate(items: Sequence[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


class App(BaseApp):
    """Streams `items` in each format: as they are, or by a generator."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.items: Any = []
        self.outcomes: list[StreamOutcome] = []
        self.started = 0

    async def _wire(self) -> None:
        app = self

        class Lines(Endpoint, path="/lines/{kind}"):
            async def get(self, path: Kind) -> NDJSONStreamingResponse[Row | Other | str | None]:
                return NDJSONStreamingResponse(stream=app.source(path.kind))

        class Array(Endpoint, path="/array/{kind}"):
            async def get(self, path: Kind) -> JSONArrayStreamingResponse[Row | Other | str | None]:
                return JSONArrayStreamingResponse(stream=app.source(path.kind))

        class Events(Endpoint, path="/events/{kind}"):
            async def get(self, path: Kind) -> SSEResponse[Row | Other | None]:
                return SSEResponse(stream=app.source(path.kind))

        class Raw(Endpoint, path="/raw/{kind}"):
            async def get(self, path: Kind) -> StreamingResponse:
                return StreamingResponse(stream=app.source(path.kind))

        for endpoint in (Lines(), Array(), Events(), Raw()):
            self._include_endpoint(endpoint)

    def source(self, kind: str) -> Any:
        return generate(self.items) if kind == "generator" else self.items

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


class Gauged(App):
    """The same, with a hook for the start, which lets the engine send a list, too."""

    async def _on_stream_start(self, start: StreamStart) -> None:
        self.started += 1


class Kind(Struct):
    kind: str


def both(app: App, client: TestClient, form: str) -> list[tuple[int, str, bytes, str, int, int]]:
    """Returns status, media type, body, and the outcome's reason, items and bytes, of the list and of the generator."""
    answers = list[tuple[int, str, bytes, str, int, int]]()
    for kind in ("list", "generator"):
        app.outcomes.clear()
        response: httpx.Response = client.get(f"/{form}/{kind}")
        (outcome,) = app.outcomes
        media_type = response.headers["content-type"]
        answers.append(
            (response.status_code, media_type, response.content, outcome.reason, outcome.items, outcome.bytes)
        )
    return answers


ITEMS = st.builds(Row, st.integers(-9, 9), st.text()) | st.builds(Other, st.text()) | st.text() | st.none()
EVENTS = st.builds(ServerSentEvent, data=ITEMS, comment=st.none() | st.text(max_size=3))


@pytest.mark.parametrize("kind", [App, Gauged])
@pytest.mark.parametrize("form", ["lines", "array", "events"])
@settings(max_examples=50)
@given(items=st.lists(ITEMS | EVENTS, max_size=6) | st.lists(st.builds(Row, st.integers(-9, 9), st.text()), max_size=6))
def test_a_list_is_sent_as_a_generator_of_its_items(form: str, kind: type[App], items: list[Any]) -> None:
    app = kind()
    with TestClient(app) as client:
        for app.items in (items, tuple(items)):
            of_list, of_generator = both(app, client, form)
            assert of_list == of_generator
    assert app.started == (4 if kind is Gauged else 0)


def test_chunks_of_bytes_are_sent_alike() -> None:
    app = App()
    app.items = [b"a", bytearray(b"b"), memoryview(b"c")]
    with TestClient(app) as client:
        of_list, of_generator = both(app, client, "raw")
    assert of_list == of_generator
    assert of_list[2] == b"abc"


@pytest.mark.parametrize("kind", [App, Gauged])
@pytest.mark.parametrize("form", ["lines", "array", "events"])
@pytest.mark.parametrize("size", [LARGEST_BODY // 2, LARGEST_BODY, 10 * LARGEST_BODY])
def test_a_long_list_is_sent_alike(form: str, size: int, kind: type[App]) -> None:
    app = kind()
    app.items = [Row(0, "x" * 1_000)] * (size // 1_000)
    with TestClient(app) as client:
        of_list, of_generator = both(app, client, form)
        assert of_list == of_generator
        has_length = "content-length" in client.get(f"/{form}/list").headers
    assert has_length == (size < LARGEST_BODY)


def test_a_small_chunk_is_kept() -> None:
    app = App(stream_policy=StreamPolicy(chunk_bytes=1))
    app.items = [Row(1), Row(2)]
    with TestClient(app) as client:
        assert "content-length" not in client.get("/lines/list").headers


@pytest.mark.parametrize(("bad", "options"), [(object(), {}), (1.5, {"validate_items": True})])
def test_an_item_that_is_refused_cuts_both_alike(bad: object, options: dict[str, Any]) -> None:
    app = App(**options)
    app.items = [Row(1), bad]
    with TestClient(app) as client:
        for kind in ("list", "generator"):
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(f"/lines/{kind}")
    assert [(outcome.reason, outcome.items) for outcome in app.outcomes] == [("failed", 1)] * 2


def test_head_has_no_body() -> None:
    app = App()
    app.items = [Row(1)]
    with TestClient(app) as client:
        response = client.head("/lines/list")
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("kind", [App, Gauged])
@pytest.mark.parametrize("items", [[], [Row(1), Row(2)]])
def test_the_outcome_has_the_time_of_the_first_item(kind: type[App], items: list[Row]) -> None:
    app = kind()
    app.items = items
    with TestClient(app) as client:
        both_media_types = [client.get(f"/{form}/list").headers["content-length"] for form in ("lines", "array")]
    assert all(both_media_types)
    assert [outcome.first_item_after is None for outcome in app.outcomes] == [not items] * 2


@pytest.mark.parametrize("kind", [App, Gauged])
@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError, "disconnected"), (asyncio.CancelledError, "disconnected"), (LookupError, "failed")],
)
async def test_a_list_that_cannot_be_sent_has_an_outcome(
    kind: type[App], error: type[BaseException], reason: str
) -> None:
    app = kind()
    app.items = [Row(1)]

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    async def send(message: Message) -> None:
        if error is asyncio.CancelledError:
            request.cancel()
            await asyncio.get_running_loop().create_future()
        raise error

    async with app.lifespan():
        request = asyncio.ensure_future(app(http_scope("GET", "/lines/list"), receive, send))
        await asyncio.wait((request,))
    (outcome,) = app.outcomes
    assert (outcome.reason, outcome.bytes) == (reason, 0)
    assert isinstance(outcome.error, LookupError if reason == "failed" else type(None))
    assert request.cancelled() == (error is asyncio.CancelledError)
    assert request.cancelled() or (request.exception() is None) == (error is OSError)
