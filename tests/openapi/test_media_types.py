"""Requests and responses have the right content for each media type, in both versions of OpenAPI."""

from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import pytest
from msgspec import Meta, Struct
from msgspec.json import Encoder

from jero import (
    Accepted,
    BytesResponse,
    Created,
    Endpoint,
    EventStreamResponse,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    Redirect,
    ServerSentEvent,
    SSEResponse,
    StreamingResponse,
    TextResponse,
    UploadFile,
)
from jero.framing.framing import Framing
from jero.framing.json import encode_element
from jero.openapi.media_types import FAILURE
from jero.responses.streaming import FramedResponse
from tests.openapi.documents import document, only_operation

T = TypeVar("T")

FILM = {"$ref": "#/components/schemas/Film"}
TAPE = {"$ref": "#/components/schemas/Tape"}
SEAT = {"$ref": "#/components/schemas/Seat"}
POSTER = {"$ref": "#/components/schemas/Poster"}
BINARY = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}


class Film(Struct, tag="film"):
    title: str


class Tape(Struct, tag="tape"):
    minutes: int


class Seat(Struct):
    row: int


class Poster(Struct):
    picture: UploadFile
    stills: list[UploadFile] = []


class Received(NoContent[None], frozen=True, kw_only=True):
    status_code: int = 202


class Moved(Redirect[None], frozen=True, kw_only=True):
    status_code: int = 308


class Total(Struct):
    x_total: int


class Word(StrEnum):
    YES = "yes"


def encode_row(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    buffer += b"%d\n" % item


class CSVResponse(FramedResponse[list[int]], frozen=True, kw_only=True):
    framing: ClassVar[Framing] = Framing(content_type="text/csv; charset=utf-8", encode=encode_row)


class PackedResponse(FramedResponse[Any], frozen=True, kw_only=True):
    framing: ClassVar[Framing] = Framing(content_type="application/vnd.msgpack", encode=encode_row)


class SequenceResponse(FramedResponse[T], Generic[T], frozen=True, kw_only=True):
    framing: ClassVar[Framing] = Framing(
        content_type="application/json-seq", encode=encode_element, json_prefix=b"\x1e", json_suffix=b"\n"
    )


class EnvelopeResponse(FramedResponse[T], Generic[T], frozen=True, kw_only=True):
    framing: ClassVar[Framing] = Framing(
        content_type="application/json",
        encode=encode_element,
        opening=b'{"items":[',
        separator=b",",
        closing=b"]}",
        json_prefix=b"",
    )


def endpoint_returning(annotation: Any) -> Endpoint:
    async def get(self: Endpoint) -> Any: ...

    get.__annotations__["return"] = annotation
    endpoint: Endpoint = type("FilmsEndpoint", (Endpoint,), {"get": get, "path": "/films"})()
    return endpoint


def endpoint_taking(name: str, annotation: Any) -> Endpoint:
    namespace: dict[str, Any] = {}
    exec(f"async def post(self, {name}): ...", namespace)
    namespace["post"].__annotations__ = {name: annotation, "return": str}
    endpoint: Endpoint = type("FilmsEndpoint", (Endpoint,), {"post": namespace["post"], "path": "/films"})()
    return endpoint


def event(data: dict[str, Any], description: str | None = FAILURE) -> dict[str, Any]:
    return {
        "type": "object",
        **({} if description is None else {"description": description}),
        "properties": {
            "data": data,
            "event": {"type": "string"},
            "id": {"type": "string"},
            "retry": {"type": "integer", "minimum": 0},
        },
        "required": ["data"],
    }


def json_event(schema: dict[str, Any], description: str | None = FAILURE) -> dict[str, Any]:
    return event({"type": "string", "contentMediaType": "application/json", "contentSchema": schema}, description)


def array(schema: dict[str, Any]) -> dict[str, Any]:
    return {"schema": {"type": "array", "items": schema}}


EITHER = {
    "anyOf": [FILM, TAPE],
    "discriminator": {"propertyName": "type", "mapping": {"film": FILM["$ref"], "tape": TAPE["$ref"]}},
}
INTEGERS = {"type": "array", "items": {"type": "integer"}}
WHOLE: list[tuple[Any, str, dict[str, Any]]] = [
    (Film, "200", {"application/json": {"schema": FILM}}),
    (list[int] | None, "200", {"application/json": {"schema": {"anyOf": [INTEGERS, {"type": "null"}]}}}),
    (str, "200", {"text/plain": {"schema": {"type": "string"}}}),
    (bytes, "200", {"application/octet-stream": {}}),
    (JSONResponse[Film], "200", {"application/json": {"schema": FILM}}),
    (JSONResponse, "200", {"application/json": {"schema": {}}}),
    (Created[Film], "201", {"application/json": {"schema": FILM}}),
    (Accepted[Film], "202", {"application/json": {"schema": FILM}}),
    (Received, "202", {}),
    (TextResponse, "200", {"text/plain": {"schema": {"type": "string"}}}),
    (BytesResponse, "200", {"application/octet-stream": {}}),
    (NoContent, "204", {}),
    (Redirect, "303", {}),
    (Moved, "308", {}),
]


@pytest.mark.parametrize(("annotation", "status", "content"), WHOLE, ids=str)
def test_a_whole_body_has_the_schema_of_its_type(annotation: Any, status: str, content: dict[str, Any]) -> None:
    [(found, response)] = only_operation(endpoint_returning(annotation))["responses"].items()
    assert (found, response.get("content", {})) == (status, content)


NEGOTIATED = ["application/x-ndjson", "application/jsonl", "text/event-stream", "application/json"]
STREAMS: list[tuple[Any, dict[str, Any]]] = [
    (NDJSONStreamingResponse[Film], {"application/x-ndjson": {"item": FILM}, "application/jsonl": {"item": FILM}}),
    (NDJSONStreamingResponse, {"application/x-ndjson": {"item": {}}, "application/jsonl": {"item": {}}}),
    (JSONArrayStreamingResponse[Film], {"application/json": array(FILM)}),
    (SSEResponse[Film], {"text/event-stream": {"item": json_event(FILM)}}),
    (EventStreamResponse[Film], {"text/event-stream": {"item": json_event(FILM, None)}}),
    (EventStreamResponse[str], {"text/event-stream": {"item": event({"type": "string"}, None)}}),
    (SSEResponse[Film | Tape], {"text/event-stream": {"item": json_event(EITHER)}}),
    (SSEResponse[str], {"text/event-stream": {"item": event({"type": "string"})}}),
    (
        SSEResponse[Annotated[str, Meta(max_length=2)]],
        {"text/event-stream": {"item": event({"type": "string", "maxLength": 2})}},
    ),
    (
        SSEResponse[Annotated[str, Meta(description="A word.")]],
        {"text/event-stream": {"item": event({"type": "string", "description": "A word."})}},
    ),
    (SSEResponse[bytes], {"text/event-stream": {"item": event({"type": "string"})}}),
    (SSEResponse[Literal["a"]], {"text/event-stream": {"item": event({"type": "string"})}}),
    (SSEResponse, {"text/event-stream": {"item": event({"type": "string"})}}),
    (SSEResponse[Word], {"text/event-stream": {"item": json_event({"$ref": "#/components/schemas/Word"})}}),
    (StreamingResponse, {"application/octet-stream": {}}),
    (CSVResponse, {"text/csv": {"schema": {"type": "string"}}}),
    (PackedResponse, {"application/vnd.msgpack": {}}),
    (SequenceResponse[Film], {"application/json-seq": {"item": FILM}}),
    (EnvelopeResponse[Film], {"application/json": {}}),
    *(
        (
            annotation,
            {
                "application/x-ndjson": {"item": FILM},
                "application/jsonl": {"item": FILM},
                "text/event-stream": {"item": json_event(FILM)},
                "application/json": array(FILM),
            },
        )
        for annotation in (
            *(AsyncIterator[Film], Iterator[Film], AsyncIterator[ServerSentEvent[Film]]),
            *(Negotiated[Film], Negotiated[Film | ServerSentEvent[Film], Total]),
        )
    ),
]


@pytest.mark.parametrize(("openapi_version", "keyword"), [("3.2.0", "itemSchema"), ("3.1.0", "schema")])
@pytest.mark.parametrize(("annotation", "content"), STREAMS, ids=str)
def test_a_stream_has_the_schema_of_its_items(
    annotation: Any, content: dict[str, Any], openapi_version: str, keyword: str
) -> None:
    operation = only_operation(endpoint_returning(annotation), openapi_version=openapi_version)
    assert operation["responses"]["200"]["content"] == {
        media_type: {keyword if key == "item" else key: value for key, value in described.items()}
        for media_type, described in content.items()
    }


@pytest.mark.parametrize("annotation", [AsyncIterator[Film], Negotiated[Film]])
@pytest.mark.parametrize(("method", "description"), [("get", FAILURE), ("post", None), ("put", None)])
def test_a_negotiated_event_stream_reports_failures_by_get_alone(
    method: str, description: str | None, annotation: Any
) -> None:
    async def handler(self: Endpoint) -> Any: ...

    handler.__annotations__["return"] = annotation
    endpoint: Endpoint = type("FilmsEndpoint", (Endpoint,), {method: handler, "path": "/films"})()
    content = only_operation(endpoint)["responses"]["200"]["content"]
    assert content["text/event-stream"] == {"itemSchema": json_event(FILM, description)}


@pytest.mark.parametrize(
    ("name", "annotation", "body"),
    [
        ("json", Film, {"required": True, "content": {"application/json": {"schema": FILM}}}),
        (
            "items",
            AsyncIterator[Film],
            {
                "required": True,
                "content": {"application/x-ndjson": {"itemSchema": FILM}, "application/jsonl": {"itemSchema": FILM}},
            },
        ),
        ("form", Seat, {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": SEAT}}}),
        ("form", Poster, {"required": True, "content": {"multipart/form-data": {"schema": POSTER}}}),
        ("content", bytes, {"content": {"application/octet-stream": {"schema": {}}}}),
        ("content", AsyncIterator[bytes], {"content": {"application/octet-stream": {"schema": {}}}}),
    ],
)
def test_a_request_body_has_the_schema_of_its_type(name: str, annotation: Any, body: dict[str, Any]) -> None:
    assert only_operation(endpoint_taking(name, annotation))["requestBody"] == body


def test_a_file_of_a_form_is_binary() -> None:
    written = document(endpoint_taking("form", Poster))["components"]["schemas"]["Poster"]
    assert written["properties"] == {"picture": BINARY, "stills": {"type": "array", "items": BINARY, "default": []}}
    assert written["required"] == ["picture"]


def test_version_3_1_describes_lines_by_the_schema_of_one_line() -> None:
    operation = only_operation(endpoint_taking("items", AsyncIterator[Film]), openapi_version="3.1.0")
    assert operation["requestBody"]["content"]["application/x-ndjson"] == {"schema": FILM}
