"""A handler that answers either whole or with a stream: `Completion | EventStreamResponse[Chunk]`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

import httpx
import pytest
from msgspec import Struct

from jero import (
    Accepted,
    BaseApp,
    BytesResponse,
    Created,
    Endpoint,
    EventStreamResponse,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    NoContent,
    SSEResponse,
    StreamingResponse,
    StreamOutcome,
    StreamPolicy,
    TextResponse,
)
from jero.http.asgi import Message
from jero.testing import AsyncTestClient, TestClient
from tests.application import Application, http_scope


class Whole(Struct):
    text: str


class Part(Struct):
    text: str


class Paging(Struct):
    x_total: int


async def parts() -> AsyncIterator[Part]:
    yield Part("a")
    await asyncio.sleep(0)
    yield Part("b")


def returning(annotation: Any, *values: Any, **members: Any) -> Endpoint:
    """Returns an endpoint that answers each request with the next of the values; with what a function returns."""
    pending = iter(values)

    async def get(self: Endpoint) -> Any:
        value = next(pending)
        return value() if callable(value) and not isinstance(value, type) else value

    get.__annotations__["return"] = annotation
    endpoint: Endpoint = type("Either", (Endpoint,), {"get": get, "path": "/", **members})()
    return endpoint


def answers(annotation: Any, *values: Any, **options: Any) -> list[httpx.Response]:
    with TestClient(Application(returning(annotation, *values), **options)) as client:
        return [client.get("/") for _ in values]


LINES = '{"text":"a"}\n{"text":"b"}\n'
EVENTS = 'data: {"text":"a"}\n\ndata: {"text":"b"}\n\n'


ARRAY = '[{"text":"a"},{"text":"b"}]'


def events() -> EventStreamResponse[Part]:
    return EventStreamResponse(stream=parts())


def lines() -> NDJSONStreamingResponse[Part]:
    return NDJSONStreamingResponse(stream=parts())


WHOLE: dict[str, tuple[Any, Any, str | None, str]] = {
    "a Struct": (Whole, Whole("w"), "application/json", '{"text":"w"}'),
    "a list": (list[Whole], [Whole("w")], "application/json", '[{"text":"w"}]'),
    "null": (Whole | None, None, "application/json", "null"),
    "text": (str, "w", "text/plain; charset=utf-8", "w"),
    "JSONResponse": (JSONResponse[Whole], JSONResponse(Whole("w")), "application/json", '{"text":"w"}'),
    "Created": (Created[Whole], Created(Whole("w")), "application/json", '{"text":"w"}'),
    "Accepted": (Accepted[Whole], Accepted(Whole("w")), "application/json", '{"text":"w"}'),
    "TextResponse": (TextResponse, TextResponse("w"), "text/plain; charset=utf-8", "w"),
    "BytesResponse": (BytesResponse, BytesResponse(b"w"), "application/octet-stream", "w"),
    "NoContent": (NoContent, NoContent(), None, ""),
}
STREAMS: dict[str, tuple[Any, Callable[[], Any], str]] = {
    "NDJSON": (NDJSONStreamingResponse[Part], lines, LINES),
    "events": (EventStreamResponse[Part], events, EVENTS),
    "events for browsers": (SSEResponse[Part], lambda: SSEResponse(stream=parts()), EVENTS),
    "an array": (JSONArrayStreamingResponse[Part], lambda: JSONArrayStreamingResponse(stream=parts()), ARRAY),
    "bytes": (StreamingResponse, lambda: StreamingResponse(stream=[b"a", b"b"]), "ab"),
}


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("stream", STREAMS)
def test_what_is_returned_is_sent(whole: str, stream: str) -> None:
    annotation, value, media_type, body = WHOLE[whole]
    stream_annotation, make_stream, stream_body = STREAMS[stream]
    sent_whole, sent_stream = answers(annotation | stream_annotation, value, make_stream)
    assert (sent_whole.text, sent_whole.headers.get("content-type")) == (body, media_type)
    assert "cache-control" not in sent_whole.headers
    assert (sent_stream.text, sent_stream.status_code) == (stream_body, 200)
    assert sent_stream.headers["x-accel-buffering"] == "no"


def test_a_whole_answer_has_its_own_status_and_headers() -> None:
    created = Created(Whole("w"), headers=Paging(1))
    (sent,) = answers(Created[Whole, Paging] | NDJSONStreamingResponse[Part], created)
    assert (sent.status_code, sent.headers["x-total"], sent.headers["content-length"]) == (201, "1", "12")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (Part("a"), "Part"),
        (None, "None"),
        (JSONResponse(Whole("w")), "JSONResponse"),
        (events, "EventStreamResponse"),
        (parts, "async_generator"),
    ],
    ids=["a Struct", "None", "a response", "a stream", "a generator"],
)
def test_what_the_union_does_not_allow_is_a_500(value: Any, found: str, caplog: pytest.LogCaptureFixture) -> None:
    (sent,) = answers(Whole | NDJSONStreamingResponse[Part], value)
    assert sent.status_code == 500
    says = "its return annotation says NDJSONStreamingResponse[Part] | Whole."
    assert f"Either.get returned {found}; {says}" in caplog.text


def test_the_content_of_a_whole_response_is_checked(caplog: pytest.LogCaptureFixture) -> None:
    (sent,) = answers(JSONResponse[Whole] | NDJSONStreamingResponse[Part], JSONResponse(Part("a")))
    assert sent.status_code == 500
    assert "Either.get returned JSONResponse with Part as its content" in caplog.text


def test_validate_items_checks_whole_answers_and_items() -> None:
    annotation = Whole | NDJSONStreamingResponse[Part]
    wrong: Any = 1
    first, second, third = answers(
        annotation,
        Whole("w"),
        Whole(wrong),
        lambda: NDJSONStreamingResponse(stream=[Part(wrong)], on_error=lambda error: Part("wrong")),
        validate_items=True,
    )
    assert (first.status_code, second.status_code) == (200, 500)
    assert third.status_code == 500


def test_head_is_answered_as_either() -> None:
    with TestClient(Application(returning(Whole | NDJSONStreamingResponse[Part], Whole("w"), lines))) as client:
        whole, stream = client.head("/"), client.head("/")
    assert (whole.headers["content-length"], whole.content) == ("12", b"")
    assert (stream.headers["content-type"], stream.content) == ("application/x-ndjson", b"")


async def endless() -> AsyncIterator[Part]:
    yield Part("a")
    await asyncio.get_running_loop().create_future()


def endless_lines() -> NDJSONStreamingResponse[Part]:
    return NDJSONStreamingResponse(stream=endless())


async def test_a_whole_answer_gives_its_place_back() -> None:
    values = [Whole("1"), Whole("2"), endless_lines, Whole("3")]
    policy = StreamPolicy(max_concurrent=1)
    endpoint = returning(Whole | NDJSONStreamingResponse[Part], *values, stream_policy=policy)
    async with AsyncTestClient(Application(endpoint)) as client:
        assert [(await client.get("/")).json()["text"] for _ in range(2)] == ["1", "2"]
        async with client.stream("GET", "/") as stream:
            assert stream.status_code == 200
            assert (await client.get("/")).status_code == 503  # before the handler, which has one value left
        assert (await client.get("/")).json()["text"] == "3"


async def test_a_whole_answer_gives_its_place_back_before_its_client_has_taken_it() -> None:
    app = Application(
        returning(
            Whole | NDJSONStreamingResponse[Part],
            Whole("1"),
            Whole("2"),
            stream_policy=StreamPolicy(max_concurrent=1),
        )
    )
    blocked, unblocked, statuses = asyncio.Semaphore(0), asyncio.Event(), list[int]()

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        if "status" in message:
            statuses.append(message["status"])
            blocked.release()
            await unblocked.wait()

    async with app.lifespan():
        first = asyncio.create_task(app(http_scope(), receive, send))
        await blocked.acquire()
        second = asyncio.create_task(app(http_scope(), receive, send))
        await blocked.acquire()
        unblocked.set()
        await asyncio.gather(first, second)
    assert statuses == [200, 200]


class Gateway(Endpoint, path="/"):
    """Answers whole to GET, with a stream to POST, and with nothing to PUT."""

    stream_policy: ClassVar[StreamPolicy | None] = StreamPolicy(drain_timeout=1)

    def __init__(self) -> None:
        self.calls = 0
        self.begun = 0

    async def _parts(self) -> AsyncIterator[Part]:
        self.begun += 1
        yield Part("a")

    async def get(self) -> Whole | NDJSONStreamingResponse[Part]:
        self.calls += 1
        return Whole("w")

    async def post(self) -> Whole | NDJSONStreamingResponse[Part]:
        self.calls += 1
        return NDJSONStreamingResponse(stream=self._parts())

    async def put(self) -> EventStreamResponse[Part] | NoContent:
        return NoContent()


class Recorder(BaseApp):
    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint
        self.outcomes: list[StreamOutcome] = []

    async def _wire(self) -> None:
        self._include_endpoint(self._endpoint)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


async def test_while_draining_whole_answers_are_sent_and_streams_refused() -> None:
    endpoint = Gateway()
    app = Recorder(endpoint)
    async with AsyncTestClient(app) as client:
        await app.drain()
        assert (await client.get("/")).json() == {"text": "w"}
        assert (await client.put("/")).status_code == 204
        refused = await client.post("/")
        assert (refused.status_code, refused.json()["detail"]) == (503, "The server is shutting down.")
        assert 1 <= int(refused.headers["retry-after"]) <= 5
    assert (endpoint.calls, endpoint.begun, app.outcomes) == (2, 0, [])
