"""Each status is documented where an operation can answer with it, and nowhere else."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Raw, Struct

from jero import (
    BaseApp,
    Conflict,
    Endpoint,
    HTTPError,
    NDJSONStreamingResponse,
    NotFound,
    ResumeHeaders,
    ServiceUnavailable,
    SSEResponse,
)
from jero.auth import BearerAuth
from jero.endpoint import operation_notes
from jero.testing import TestClient
from tests.openapi.documents import document, only_operation

PROBLEM = "application/problem+json"


class Film(Struct):
    title: str


class Text(Struct):
    film: str


class Anything(Struct):
    film: Any


class Either(Struct):
    film: int | str


class Number(Struct):
    film: int


class Bounded(Struct):
    film: Annotated[str, Meta(max_length=2)]


class Word(Struct):
    film: Literal["M"]


class Checked(Struct):
    film: str

    def __post_init__(self) -> None:
        if self.film == "none":
            raise ValueError("That is no film.")


class Optional(Struct):
    film: str | None = None
    films: list[str] = []


class OptionalNumbers(Struct):
    films: list[int] = []


class Few(Struct):
    films: Annotated[list[str], Meta(max_length=1)] = []


class Closed(Struct, forbid_unknown_fields=True):
    film: str = ""


class Visitor(Struct):
    name: str


class Tokens(BearerAuth[Visitor]):
    async def verify(self, token: str) -> Visitor:
        return Visitor(token)


class OutOfStock(HTTPError, type="out-of-stock", title="Out of stock", status=409):
    """All of them are lent.

    Come back later.
    """


class Undocumented(HTTPError, type="undocumented", title="Undocumented", status=410): ...


class SlotEndpoint(Endpoint):
    path = "/films/{film}"


class PlainEndpoint(Endpoint, path="/films"):
    async def get(self) -> Film:
        return Film("M")


def problems(operation: dict[str, Any]) -> list[int]:
    """The statuses that are answered with a problem."""
    return [
        int(status) for status, response in operation["responses"].items() if PROBLEM in response.get("content", {})
    ]


def endpoint_taking(name: str, annotation: Any, *, path: str = "/films", **members: Any) -> Endpoint:
    namespace: dict[str, Any] = {}
    exec(f"async def post(self, {name}): ...", namespace)
    namespace["post"].__annotations__ = {name: annotation, "return": str}
    endpoint: Endpoint = type("FilmsEndpoint", (Endpoint,), {"post": namespace["post"], "path": path, **members})()
    return endpoint


@pytest.mark.parametrize(
    ("name", "annotation", "statuses"),
    [
        ("path", Text, []),
        ("path", Anything, []),
        ("path", Either, []),
        ("path", Number, [404]),
        ("path", Bounded, [404]),
        ("path", Word, [404]),
        ("path", Checked, [404]),
        ("params", Optional, [400]),
        ("headers", ResumeHeaders, []),
        ("headers", Optional, []),
        ("headers", Text, [400]),
        ("headers", OptionalNumbers, [400]),
        ("headers", Few, [400]),
        ("cookies", Closed, [400]),
        ("cookies", Text, [400]),
        ("json", Film, [400, 413, 415, 422]),
        ("json", Any, [400, 413, 415]),
        ("json", Raw, [400, 413, 415]),
        ("items", AsyncIterator[Film], [400, 413, 415, 422]),
        ("content", bytes, [413]),
        ("content", AsyncIterator[bytes], []),
    ],
)
def test_what_an_argument_is_refused_with(name: str, annotation: Any, statuses: list[int]) -> None:
    path = "/films/{film}" if name == "path" else "/films"
    assert problems(only_operation(endpoint_taking(name, annotation, path=path))) == statuses


def test_a_body_that_arrives_is_bounded_where_the_endpoint_says_so() -> None:
    endpoint = endpoint_taking("content", AsyncIterator[bytes], max_body_bytes=10)
    assert problems(only_operation(endpoint)) == [413]


def test_whoever_is_asked_who_they_are_may_be_refused() -> None:
    response = only_operation(PlainEndpoint(), auth=Tokens())["responses"]["401"]
    assert response["headers"] == {
        "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}}
    }


class StreamEndpoint(Endpoint, path="/films"):
    async def get(self) -> NDJSONStreamingResponse[Film]:
        return NDJSONStreamingResponse(stream=[])


class EventsEndpoint(Endpoint, path="/films"):
    async def get(self) -> SSEResponse[Film]:
        return SSEResponse(stream=[])


class NegotiatedEndpoint(Endpoint, path="/films"):
    async def get(self) -> AsyncIterator[Film]:
        yield Film("M")


@pytest.mark.parametrize(
    ("endpoint", "statuses"),
    [
        (PlainEndpoint(), []),
        (StreamEndpoint(), [503]),
        (EventsEndpoint(), [503]),
        (NegotiatedEndpoint(), [400, 406, 503]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_a_response_is_refused_with(endpoint: Endpoint, statuses: list[int]) -> None:
    assert problems(only_operation(endpoint)) == statuses


def test_a_refusal_says_what_to_do() -> None:
    responses = only_operation(NegotiatedEndpoint())["responses"]
    assert list(responses["503"]["headers"]) == ["Retry-After"]
    assert list(responses["406"]["headers"]) == ["Vary"]
    assert list(only_operation(endpoint_taking("json", Film))["responses"]["415"]["headers"]) == ["Accept"]


class ListingEndpoint(Endpoint, path="/films/{film}"):
    errors = (OutOfStock, ServiceUnavailable)

    async def get(self, path: Number) -> Film:
        raise Undocumented

    @operation_notes(errors=[Conflict, OutOfStock, NotFound])
    async def delete(self, path: Number) -> Film:
        raise OutOfStock


def test_errors_are_documented_and_no_others() -> None:
    operations = document(ListingEndpoint())["paths"]["/films/{film}"]
    assert problems(operations["get"]) == [404, 409, 503]
    assert problems(operations["delete"]) == [404, 409, 503]


def test_errors_of_one_status_are_one_response() -> None:
    response = document(ListingEndpoint())["paths"]["/films/{film}"]["delete"]["responses"]["409"]
    assert response["description"] == "Conflict; Out of stock"
    assert response["content"][PROBLEM] == {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {
            "conflict": {"summary": "Conflict", "value": {"type": "conflict", "title": "Conflict", "status": 409}},
            "out-of-stock": {
                "summary": "Out of stock",
                "description": "All of them are lent.\n\nCome back later.",
                "value": {"type": "out-of-stock", "title": "Out of stock", "status": 409},
            },
        },
    }


def test_of_what_a_handler_raises_no_header_is_promised() -> None:
    assert "headers" not in document(ListingEndpoint())["paths"]["/films/{film}"]["get"]["responses"]["503"]


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(endpoint_taking("json", Film))
        self._include_openapi(title="Films", version="1")


def test_a_problem_as_it_is_sent_is_what_the_document_says() -> None:
    with TestClient(App()) as client:
        refused = client.post("/films", json={})
        problem = client.get("/openapi.json").json()["components"]["schemas"]["Problem"]
    assert refused.status_code == 422
    assert refused.json().keys() == problem["properties"].keys()
    assert problem["required"] == ["type", "title", "status"]
