"""The responses that are sent for the values that handlers return."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypedDict

import httpx
import pytest
from msgspec import UNSET, Struct, UnsetType, field
from msgspec.json import Encoder

from jero import (
    Accepted,
    BytesResponse,
    Cookie,
    Created,
    Endpoint,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    NoContent,
    ServerSentEvent,
    SSEResponse,
    StreamingResponse,
    TextResponse,
)
from jero.testing import TestClient
from tests.application import Application

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"


class Movie(Struct):
    title: str
    year: int | UnsetType = UNSET


@dataclass
class Actor:
    name: str


class Award(TypedDict):
    year: int


class Genre(StrEnum):
    DRAMA = "drama"


class Paging(Struct):
    x_total: int
    last_modified: datetime | None = None
    tags: list[str] = field(default=[], name="X-Tag")


PAGING = Paging(x_total=3, last_modified=datetime(2026, 11, 20, tzinfo=UTC), tags=["a", "b"])


def answered(handler: Any, **options: Any) -> httpx.Response:
    """Returns the response of an endpoint whose GET is `handler`."""
    endpoint: Any = type("AnswersEndpoint", (Endpoint,), {"get": handler}, path="/")
    with TestClient(Application(endpoint(), **options)) as client:
        return client.get("/")


async def a_struct(self: object) -> Movie:
    return Movie("a")


async def a_dataclass(self: object) -> Actor:
    return Actor("a")


async def a_typed_dict(self: object) -> Award:
    return {"year": 2026}


async def a_list(self: object) -> list[Movie]:
    return [Movie("a", 2026), Movie("b")]


async def nothing_of_a_union(self: object) -> Movie | None:
    return None


async def a_number(self: object) -> int:
    return 3


async def a_decimal(self: object) -> Decimal:
    return Decimal("1.50")


async def a_name(self: object) -> Genre:
    return Genre.DRAMA


async def text(self: object) -> str:
    return "é\n"


async def no_text(self: object) -> str:
    return ""


async def some_bytes(self: object) -> bytes:
    return b"\0\xff"


async def text_of_a_union(self: object) -> Movie | str:
    return "a"


async def any_text(self: object) -> Any:
    return "a"


@pytest.mark.parametrize(
    ("handler", "body", "content_type"),
    [
        (a_struct, b'{"title":"a"}', JSON),
        (a_dataclass, b'{"name":"a"}', JSON),
        (a_typed_dict, b'{"year":2026}', JSON),
        (a_list, b'[{"title":"a","year":2026},{"title":"b"}]', JSON),
        (nothing_of_a_union, b"null", JSON),
        (a_number, b"3", JSON),
        (a_decimal, b'"1.50"', JSON),
        (a_name, b'"drama"', JSON),
        (any_text, b'"a"', JSON),
        (text, "é\n".encode(), TEXT),
        (no_text, b"", TEXT),
        (text_of_a_union, b"a", TEXT),
        (some_bytes, b"\0\xff", BYTES),
    ],
)
def test_a_plain_value_is_sent_as_json_text_or_bytes(handler: Any, body: bytes, content_type: str) -> None:
    response = answered(handler)
    assert (response.status_code, response.content) == (200, body)
    assert dict(response.headers) == {"content-type": content_type, "content-length": str(len(body))}


async def numbers() -> AsyncIterator[int]:
    yield 1
    yield 2


async def chunks() -> AsyncIterator[bytes]:
    yield b"1,"
    yield b"2"


async def events() -> AsyncIterator[int | ServerSentEvent[int]]:
    yield 1
    yield ServerSentEvent(data=2, event="two", id="2")


async def a_json_response(self: object) -> JSONResponse[Movie, Paging]:
    return JSONResponse(content=Movie("a"), headers=PAGING)


async def a_created(self: object) -> Created[Movie, Paging]:
    return Created(content=Movie("a"), headers=PAGING)


async def an_accepted(self: object) -> Accepted[Movie, Paging]:
    return Accepted(content=Movie("a"), headers=PAGING)


class Received(NoContent[Paging], frozen=True, kw_only=True):
    status_code: int = 202


async def received(self: object) -> Received:
    return Received(headers=PAGING)


async def a_text(self: object) -> TextResponse[Paging]:
    return TextResponse(content="é", headers=PAGING)


async def bytes_of_a_kind(self: object) -> BytesResponse[Paging]:
    return BytesResponse(content=b"\xff", headers=PAGING)


async def no_content(self: object) -> NoContent[Paging]:
    return NoContent(headers=PAGING)


async def a_stream(self: object) -> StreamingResponse[Paging]:
    return StreamingResponse(stream=chunks(), headers=PAGING)


async def a_ndjson_stream(self: object) -> NDJSONStreamingResponse[int, Paging]:
    return NDJSONStreamingResponse(stream=numbers(), headers=PAGING)


async def an_array_stream(self: object) -> JSONArrayStreamingResponse[int, Paging]:
    return JSONArrayStreamingResponse(stream=numbers(), headers=PAGING)


async def an_event_stream(self: object) -> SSEResponse[int, Paging]:
    return SSEResponse(stream=events(), headers=PAGING)


@pytest.mark.parametrize(
    ("handler", "status", "body", "content_type"),
    [
        (a_json_response, 200, b'{"title":"a"}', JSON),
        (a_created, 201, b'{"title":"a"}', JSON),
        (an_accepted, 202, b'{"title":"a"}', JSON),
        (received, 202, b"", None),
        (a_text, 200, "é".encode(), TEXT),
        (bytes_of_a_kind, 200, b"\xff", BYTES),
        (no_content, 204, b"", None),
        (a_stream, 200, b"1,2", BYTES),
        (a_ndjson_stream, 200, b"1\n2\n", "application/x-ndjson"),
        (an_array_stream, 200, b"[1,2]", JSON),
        (an_event_stream, 200, b"data: 1\n\nevent: two\nid: 2\ndata: 2\n\n", "text/event-stream"),
    ],
)
def test_a_response_is_sent_with_its_typed_headers(
    handler: Any, status: int, body: bytes, content_type: str | None
) -> None:
    response = answered(handler)
    assert (response.status_code, response.content) == (status, body)
    assert response.headers.get("content-type") == content_type
    assert response.headers["x-total"] == "3"
    assert response.headers["last-modified"] == "Fri, 20 Nov 2026 00:00:00 GMT"
    assert response.headers.get_list("x-tag") == ["a", "b"]
    is_stream = "cache-control" in response.headers
    assert response.headers.get("content-length") == (None if is_stream or status == 204 else str(len(body)))


async def bytes_framed_as_events(self: object) -> StreamingResponse:
    async def events() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"

    return StreamingResponse(stream=events(), raw_headers={"Content-Type": "text/event-stream; charset=utf-8"})


@pytest.mark.parametrize("handler", [a_stream, a_ndjson_stream, an_array_stream])
def test_a_stream_is_not_cached_and_not_buffered_by_proxies(handler: Any) -> None:
    headers = answered(handler).headers
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache", "no")


@pytest.mark.parametrize("handler", [an_event_stream, bytes_framed_as_events])
def test_an_event_stream_is_not_compressed_by_proxies_either(handler: Any) -> None:
    headers = answered(handler).headers
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache, no-transform", "no")


async def everything_of_its_own(self: object) -> JSONResponse[int]:
    return JSONResponse(
        content=1,
        status_code=202,
        raw_headers=[("Content-Type", "application/vnd.api+json"), ("X-A", "1"), ("X-A", "2")],
        cookies=[Cookie(name="a", value="1"), Cookie(name="b", value="2", secure=True)],
    )


def test_a_response_is_sent_with_its_status_raw_headers_and_cookies() -> None:
    response = answered(everything_of_its_own)
    assert response.status_code == 202
    assert response.headers.get_list("content-type") == ["application/vnd.api+json"]
    assert response.headers.get_list("x-a") == ["1", "2"]
    assert response.headers.get_list("set-cookie") == [
        "a=1; Path=/; SameSite=Lax; HttpOnly",
        "b=2; Path=/; SameSite=Lax; Secure; HttpOnly",
    ]


async def a_table(self: object) -> StreamingResponse:
    return StreamingResponse(
        stream=chunks(),
        status_code=203,
        raw_headers={"content-type": "text/csv", "Cache-Control": "max-age=60", "X-Accel-Buffering": "yes"},
        cookies=[Cookie(name="a", value="1")],
    )


def test_raw_headers_replace_the_default_headers_of_a_stream() -> None:
    response = answered(a_table)
    assert response.status_code == 203
    assert dict(response.headers) == {
        "content-type": "text/csv",
        "cache-control": "max-age=60",
        "x-accel-buffering": "yes",
        "set-cookie": "a=1; Path=/; SameSite=Lax; HttpOnly",
    }


async def a_complex_number(self: object) -> list[complex]:
    return [1j]


async def decimals(self: object) -> JSONResponse[list[Decimal]]:
    return JSONResponse(content=[Decimal("1.50")])


def test_the_encoder_of_the_application_writes_all_json() -> None:
    encoder = Encoder(enc_hook=str, decimal_format="number")
    assert answered(a_complex_number, encoder=encoder).text == '["1j"]'
    assert answered(decimals, encoder=encoder).text == "[1.50]"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/x-ndjson"),
        ("*/*", "application/x-ndjson"),
        ("application/jsonl", "application/jsonl"),
        ("application/jsonl, application/x-ndjson", "application/x-ndjson"),
        ("application/jsonl;q=0, */*", "application/x-ndjson"),
    ],
)
def test_json_lines_have_the_media_type_that_the_client_accepts(accept: str | None, content_type: str) -> None:
    class NumbersEndpoint(Endpoint, path="/"):
        async def get(self) -> NDJSONStreamingResponse[int]:
            return NDJSONStreamingResponse(stream=numbers())

    with TestClient(Application(NumbersEndpoint())) as client:
        response = client.get("/", headers={} if accept is None else {"accept": accept})
    assert (response.headers["content-type"], response.content) == (content_type, b"1\n2\n")
