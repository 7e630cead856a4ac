"""The fields of a handler's Structs become Parameter Objects, and typed headers become Header Objects."""

from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from jero import Endpoint, JSONResponse, ResumeHeaders
from tests.openapi.documents import document, only_operation


class Order(Enum):
    TITLE = "title"


class Query(Struct):
    word: str
    limit: Annotated[int, Meta(ge=1, le=100, description="How many.")] = 10
    tag: list[str] = []
    order: Order = Order.TITLE
    since: datetime | None = None
    page: int | None = None
    text: str | None = None
    cursor: str | msgspec.UnsetType = msgspec.UNSET
    per_page: int = field(default=5, name="perPage")
    old: Annotated[int, Meta(extra_json_schema={"deprecated": True})] = 0


class Headers(Struct):
    x_trace: str = ""
    exact: Annotated[str, Meta(max_length=3)] = field(default="", name="X-Exact")
    accept: str = "*/*"
    content_type: str = ""
    authorization: str = ""


class Cookies(Struct):
    theme: str = "light"


class Total(Struct):
    x_total: Annotated[int, Meta(description="How many there are.")]
    last_modified: Annotated[datetime, Meta(tz=True)] | None = None
    exact: bool = field(default=True, name="X-Exact")
    content_type: str = "text/csv"


class Slots(Struct):
    film_id: Annotated[int, Meta(ge=1, description="On the box.")]
    shelf: str


class FilmsEndpoint(Endpoint, path="/films"):
    async def get(self, params: Query, headers: Headers, cookies: Cookies) -> JSONResponse[list[int], Total]:
        return JSONResponse([])


class FilmEndpoint(Endpoint, path="/shelves/{shelf}/films/{film_id}"):
    async def get(self, path: Slots) -> int:
        return path.film_id


class WordEndpoint(Endpoint, path="/words/{word}"):
    async def get(self) -> str:
        return ""


class ResumedEndpoint(Endpoint, path="/resumed"):
    async def get(self, headers: ResumeHeaders) -> str:
        return headers.last_event_id or ""


class NumberSlot(Struct):
    number: int


class NumberEndpoint(Endpoint, path="/words/{number}"):
    async def put(self, path: NumberSlot) -> str:
        return ""


def found(endpoint: Endpoint, location: str) -> dict[str, dict[str, Any]]:
    """Returns the parameters of one location, by name."""
    return {
        parameter["name"]: {key: value for key, value in parameter.items() if key not in ("name", "in")}
        for parameter in only_operation(endpoint)["parameters"]
        if parameter["in"] == location
    }


def test_params_are_in_the_query() -> None:
    nullable = [{"type": "integer"}, {"type": "null"}]
    assert found(FilmsEndpoint(), "query") == {
        "word": {"required": True, "schema": {"type": "string"}},
        "limit": {
            "description": "How many.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
        },
        "tag": {"schema": {"type": "array", "items": {"type": "string"}}},
        "order": {"schema": {"$ref": "#/components/schemas/Order", "default": "title"}},
        "since": {"schema": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        "page": {"schema": {"anyOf": nullable}},  # ?page=null is read as None
        "text": {"schema": {"type": "string"}},  # ?text=null is read as "null"
        "cursor": {"schema": {"type": "string"}},
        "perPage": {"schema": {"type": "integer", "default": 5}},
        "old": {"deprecated": True, "schema": {"type": "integer", "default": 0}},
    }


def test_headers_are_listed_unless_the_document_describes_them_elsewhere() -> None:
    assert found(FilmsEndpoint(), "header") == {
        "x-trace": {"schema": {"type": "string", "default": ""}},
        "X-Exact": {"schema": {"type": "string", "maxLength": 3, "default": ""}},
    }
    assert list(found(ResumedEndpoint(), "header")) == ["last-event-id"]


def test_cookies_are_in_the_cookie() -> None:
    assert found(FilmsEndpoint(), "cookie") == {"theme": {"schema": {"type": "string", "default": "light"}}}


def test_slots_are_required_and_never_empty() -> None:
    assert found(FilmEndpoint(), "path") == {
        "film_id": {"required": True, "description": "On the box.", "schema": {"type": "integer", "minimum": 1}},
        "shelf": {"required": True, "schema": {"type": "string", "minLength": 1}},
    }


def test_a_slot_that_the_handler_does_not_take_is_a_parameter_too() -> None:
    assert found(WordEndpoint(), "path") == {"word": {"required": True, "schema": {"type": "string", "minLength": 1}}}


def test_templates_that_differ_only_in_slot_names_are_one_path() -> None:
    [(path, operations)] = document(WordEndpoint(), NumberEndpoint())["paths"].items()
    assert path == "/words/{word}"
    assert [operations[method]["parameters"][0]["name"] for method in ("get", "put")] == ["word", "word"]
    assert operations["put"]["parameters"][0]["schema"] == {"type": "integer"}


def test_typed_headers_are_headers_of_the_response() -> None:
    assert only_operation(FilmsEndpoint())["responses"]["200"]["headers"] == {
        "x-total": {"description": "How many there are.", "schema": {"type": "integer"}},
        "last-modified": {"schema": {"type": "string"}},  # an HTTP date is not a date-time
        "X-Exact": {"schema": {"type": "boolean"}},
    }
