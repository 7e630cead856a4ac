"""An operation has its notes and its identifier, and responses of one status are merged."""

from collections.abc import AsyncIterator

import pytest
from msgspec import Struct

from jero import (
    Created,
    Endpoint,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    SSEResponse,
    StreamingResponse,
    TextResponse,
)
from jero.contract.operation import read_operations
from jero.endpoint import operation_notes
from tests.openapi.documents import decoded, document, only_operation


class Film(Struct):
    title: str


class Tape(Struct):
    minutes: int


class Seen(Struct):
    x_seen: int


class Total(Struct):
    x_total: int


class FilmsEndpoint(Endpoint, path="/films"):
    tags = ("films",)

    async def get(self) -> list[Film]:
        """Lists films.

        The *newest* first.
        """
        return []

    @operation_notes(summary="Takes one in", description="It is kept.", tags=["keeping"], deprecated=True)
    async def post(self) -> Created[Film]:
        """Takes a film in."""
        return Created(Film("M"))

    async def put(self) -> NoContent:
        return NoContent()


class OldFilmsEndpoint(Endpoint, path="/old"):
    deprecated = True

    async def get(self) -> list[Film]:
        return []

    @operation_notes(deprecated=False)
    async def put(self) -> NoContent:
        return NoContent()


def test_the_docstring_becomes_summary_and_description() -> None:
    operation = document(FilmsEndpoint())["paths"]["/films"]["get"]
    assert (operation["summary"], operation["description"]) == ("Lists films.", "The *newest* first.")
    assert operation["tags"] == ["films"]
    assert "deprecated" not in operation


def test_operation_notes_replace_the_docstring_and_the_tags() -> None:
    operation = document(FilmsEndpoint())["paths"]["/films"]["post"]
    assert (operation["summary"], operation["description"]) == ("Takes one in", "It is kept.")
    assert (operation["tags"], operation["deprecated"]) == (["keeping"], True)


def test_a_deprecated_endpoint_may_have_an_operation_that_is_not() -> None:
    operations = document(OldFilmsEndpoint())["paths"]["/old"]
    assert (operations["get"]["deprecated"], "deprecated" in operations["put"]) == (True, False)


def test_automatic_methods_are_not_operations() -> None:
    assert document(FilmsEndpoint())["paths"]["/films"].keys() == {"get", "post", "put"}


def test_an_operation_omits_what_is_not_given() -> None:
    assert document(FilmsEndpoint())["paths"]["/films"]["put"] == {
        "tags": ["films"],
        "operationId": "films_put",
        "responses": {"204": {"description": "No Content"}},
    }


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("FilmsEndpoint", "films_get"),
        ("SilentFilmsEndpoint", "silent_films_get"),
        ("HTTPLogEndpoint", "http_log_get"),
        ("Films", "films_get"),
        ("Endpoint", "endpoint_get"),
    ],
)
def test_the_identifier_is_made_of_class_and_method(name: str, identifier: str) -> None:
    endpoint = type(name, (OldFilmsEndpoint,), {"put": None})()
    assert only_operation(endpoint)["operationId"] == identifier


def test_identifiers_are_unique() -> None:
    paths = (
        "/films",
        "/v2/films/{film_id}",
        "/v2/films/{film-id}".replace("{film-id}", "film-id"),
        "/v2/films/film_id",
    )
    operations = [
        operation for path in paths for operation in read_operations(OldFilmsEndpoint(), path, has_enc_hook=False)
    ]
    found = [operation["operationId"] for path in decoded(operations)["paths"].values() for operation in path.values()]
    assert found[::2] == [
        "old_films_get",
        "old_films_get_v2_films_film_id",
        "old_films_get_v2_films_film_id_2",
        "old_films_get_v2_films_film_id_3",
    ]
    assert len(set(found)) == 8


class EitherEndpoint(Endpoint, path="/either"):
    async def get(self) -> JSONResponse[Film, Seen] | JSONResponse[Tape, Total] | TextResponse | list[int] | NoContent:
        return NoContent()


def test_responses_of_one_status_are_merged() -> None:
    responses = only_operation(EitherEndpoint())["responses"]
    assert list(responses) == ["200", "204"]
    assert responses["200"]["headers"].keys() == {"x-seen", "x-total"}
    assert responses["200"]["content"] == {
        "application/json": {
            "schema": {
                "anyOf": [
                    {"$ref": "#/components/schemas/Film"},
                    {"$ref": "#/components/schemas/Tape"},
                    {"type": "array", "items": {"type": "integer"}},
                ]
            }
        },
        "text/plain": {"schema": {"type": "string"}},
    }


class WholeOrStreamEndpoint(Endpoint, path="/whole-or-stream"):
    async def get(self) -> Film | NDJSONStreamingResponse[Tape] | NoContent:
        return NoContent()


def test_a_whole_body_and_a_stream_are_listed_together() -> None:
    responses = only_operation(WholeOrStreamEndpoint())["responses"]
    assert list(responses) == ["200", "204", "503"]
    assert responses["200"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Film"}},
        "application/x-ndjson": {"itemSchema": {"$ref": "#/components/schemas/Tape"}},
        "application/jsonl": {"itemSchema": {"$ref": "#/components/schemas/Tape"}},
    }


class ArraysEndpoint(Endpoint, path="/arrays"):
    async def get(self) -> Film | JSONArrayStreamingResponse[Tape]:
        return Film("M")


@pytest.mark.parametrize("openapi_version", ["3.1.0", "3.2.0"])
def test_a_whole_body_and_a_stream_of_one_media_type_are_one_content(openapi_version: str) -> None:
    responses = only_operation(ArraysEndpoint(), openapi_version=openapi_version)["responses"]
    tapes = {"type": "array", "items": {"$ref": "#/components/schemas/Tape"}}
    either = {"anyOf": [tapes, {"$ref": "#/components/schemas/Film"}]}
    assert responses["200"]["content"] == {"application/json": {"schema": either}}


class NegotiatedEndpoint(Endpoint, path="/negotiated"):
    async def get(self) -> AsyncIterator[int]:
        yield 1


class PartialEndpoint(Endpoint, path="/partial"):
    async def get(self) -> Negotiated[int, Total] | NoContent:
        return NoContent()


class ChunksEndpoint(Endpoint, path="/chunks"):
    async def get(self) -> StreamingResponse[Total]:
        return StreamingResponse(stream=[])


class EventsEndpoint(Endpoint, path="/events"):
    async def get(self) -> SSEResponse[int] | NoContent:
        return NoContent()


@pytest.mark.parametrize(
    ("endpoint", "always", "optional"),
    [
        (NegotiatedEndpoint(), {"Cache-Control", "Vary"}, {"X-Accel-Buffering"}),
        (PartialEndpoint(), {"Cache-Control", "Vary"}, {"X-Accel-Buffering", "x-total"}),
        (ChunksEndpoint(), {"Cache-Control"}, {"X-Accel-Buffering", "x-total"}),
        (EventsEndpoint(), {"Cache-Control"}, {"X-Accel-Buffering"}),
        (WholeOrStreamEndpoint(), set[str](), {"Cache-Control", "X-Accel-Buffering"}),
        (ArraysEndpoint(), set[str](), {"Cache-Control", "X-Accel-Buffering"}),
    ],
)
def test_headers_that_every_client_receives_are_required(
    endpoint: Endpoint, always: set[str], optional: set[str]
) -> None:
    headers = only_operation(endpoint)["responses"]["200"]["headers"]
    assert {name for name, header in headers.items() if header.get("required")} == always
    assert headers.keys() == always | optional


def test_a_response_without_a_body_has_neither_headers_nor_content() -> None:
    assert only_operation(EventsEndpoint())["responses"]["204"] == {"description": "No Content"}
