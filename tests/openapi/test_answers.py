"""The document shows what exception handlers answer with, instead of problems."""

from functools import partial
from typing import Any

import pytest
from msgspec import Struct

from jero import (
    BaseApp,
    BytesResponse,
    Conflict,
    Created,
    Endpoint,
    HTTPError,
    JSONResponse,
    NoContent,
    NotFound,
    TextResponse,
)
from jero.testing import TestClient

PROBLEM = "application/problem+json"
JSON = "application/json"


class Dialect(Struct):
    error: str


class Retrying(Struct):
    retry_after: int


class Film(Struct):
    title: str


class Number(Struct):
    film: int


class FilmEndpoint(Endpoint, path="/films/{film}"):
    errors = (Conflict,)

    async def post(self, path: Number, json: Film) -> Created[Film]:
        raise NotImplementedError


class PlainEndpoint(Endpoint, path="/plain"):
    errors = (Conflict,)

    async def get(self) -> Film:
        raise NotImplementedError


class App(BaseApp):
    """Includes an endpoint with handlers of its own, one without, and then handlers for both."""

    def __init__(self, own: Any, handlers: Any) -> None:
        super().__init__()
        self._own = own
        self._handlers = handlers

    async def _wire(self) -> None:
        self._include_endpoint(FilmEndpoint(), exception_handlers=self._own)
        self._include_endpoint(PlainEndpoint())
        self._include_openapi(title="Films", version="1")
        for exception, handler in self._handlers.items():
            self._include_exception_handler(exception, handler)


def contents(own: Any = None, handlers: Any = None) -> dict[str, dict[str, Any]]:
    """Returns the content of each error response of the two endpoints, by status."""
    with TestClient(App(own, handlers or {})) as client:
        paths = client.get("/openapi.json").json()["paths"]
    return {
        name: {
            status: response.get("content")
            for status, response in paths[path][method]["responses"].items()
            if status >= "400"
        }
        for name, path, method in [("films", "/films/{film}", "post"), ("plain", "/plain", "get")]
    }


def in_the_dialect(error: HTTPError) -> JSONResponse[Dialect]:
    raise NotImplementedError


def as_text(error: HTTPError) -> TextResponse:
    raise NotImplementedError


def as_bytes(error: HTTPError) -> BytesResponse | TextResponse:
    raise NotImplementedError


def as_nothing(error: HTTPError) -> NoContent:
    raise NotImplementedError


def as_either(error: HTTPError) -> JSONResponse[Dialect, Retrying] | HTTPError:
    raise NotImplementedError


def as_another(error: HTTPError) -> NotFound:
    raise NotImplementedError


async def later(error: HTTPError, option: int) -> JSONResponse[Dialect]:
    raise NotImplementedError


def vague(error: HTTPError) -> Any:
    raise NotImplementedError


def unreadable(error: HTTPError) -> Any:
    raise NotImplementedError


def unannotated(error: HTTPError) -> Any:
    raise NotImplementedError


unreadable.__annotations__["return"] = "Missing"
del unannotated.__annotations__["return"]


class Renderer:
    async def __call__(self, error: HTTPError) -> JSONResponse[Dialect]:
        raise NotImplementedError

    def render(self, error: HTTPError) -> JSONResponse[Dialect]:
        raise NotImplementedError


DIALECT = {JSON: {"schema": {"$ref": "#/components/schemas/Dialect"}}}
TEXT = {"text/plain": {"schema": {"type": "string"}}}


@pytest.mark.parametrize(
    ("handler", "content"),
    [
        (in_the_dialect, DIALECT),
        (partial(later, option=1), DIALECT),
        (Renderer(), DIALECT),
        (Renderer().render, DIALECT),
        (as_text, TEXT),
        (as_bytes, {"application/octet-stream": {}, **TEXT}),
        (as_nothing, None),
        (unannotated, None),
        (unreadable, None),
        (vague, None),
    ],
)
@pytest.mark.parametrize("is_own", [True, False], ids=["endpoint", "application"])
def test_a_handler_of_http_errors_replaces_each_problem(handler: Any, content: Any, *, is_own: bool) -> None:
    found = contents({HTTPError: handler}) if is_own else contents(handlers={HTTPError: handler})
    assert found["films"] == dict.fromkeys(["400", "404", "408", "409", "413", "415", "422"], content)
    assert list(found["plain"]["409"] or ()) == ([PROBLEM] if is_own else list(content or ()))


def test_an_answer_that_may_be_a_problem_is_shown_as_both() -> None:
    found = contents({HTTPError: as_either})["films"]["409"]
    assert found[JSON] == DIALECT[JSON]
    assert list(found[PROBLEM]["examples"]) == ["conflict"]
    assert list(contents({HTTPError: as_another})["films"]["409"]) == [PROBLEM]


def test_the_headers_of_the_answer_are_shown() -> None:
    with TestClient(App({HTTPError: as_either}, {})) as client:
        responses = client.get("/openapi.json").json()["paths"]["/films/{film}"]["post"]["responses"]
    assert list(responses["409"]["headers"]) == ["retry-after"]
    assert set(responses["415"]["headers"]) == {"Accept", "retry-after"}
    assert (responses["409"]["description"], responses["201"]["description"]) == ("Conflict", "Created")


def test_the_handler_that_answers_an_error_is_the_one_that_is_shown() -> None:
    found = contents({Conflict: as_text, ValueError: as_bytes}, {HTTPError: in_the_dialect, Conflict: as_nothing})
    assert (found["films"]["409"], found["films"]["404"], found["plain"]["409"]) == (TEXT, DIALECT, None)


def test_a_handler_of_exception_leaves_the_problems() -> None:
    assert list(contents({Exception: in_the_dialect})["films"]["409"]) == [PROBLEM]
