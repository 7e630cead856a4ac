"""The document shows the tags, the authenticator and the shape of the problems of a group."""

from typing import Any

import pytest
from msgspec import Struct

from jero import Endpoint, HTTPError, JSONResponse, NotFound, Problem, TextResponse, operation_notes
from jero.testing import TestClient
from tests.groups.dialect import App, Dialect, Films, Tenant, Ticks, Tokens, dialect

PROBLEM = "application/problem+json"
DIALECT = {"application/json": {"schema": {"$ref": "#/components/schemas/Dialect"}}}


def documented(wire: Any) -> dict[str, Any]:
    def wired(app: Any) -> None:
        wire(app)
        app._include_openapi(title="Films", version="1")

    with TestClient(App(wired)) as client:
        return dict(client.get("/openapi.json").json())


class Tagged(Endpoint, path="/tagged"):
    tags = ("own", "v1")
    errors = (NotFound,)

    async def get(self) -> str:
        raise NotImplementedError

    @operation_notes(tags=["operation"])
    async def put(self) -> str:
        raise NotImplementedError


def test_tags_and_security_of_a_group_are_those_of_its_operations() -> None:
    def wire(app: Any) -> None:
        app._include_group("/v1", Films(), Tagged(), auth=Tokens(), tags=["v1", "films"])
        app._include_group("/v2", Films())

    document = documented(wire)
    operations = {
        (path, method): (operation.get("tags"), operation.get("security"))
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    security: Any = [{"Tokens": []}]
    assert operations == {
        ("/v1/films", "get"): (["v1", "films"], security),
        ("/v1/films", "post"): (["v1", "films"], security),
        ("/v1/films", "delete"): (["v1", "films"], security),
        ("/v1/tagged", "get"): (["v1", "films", "own"], security),
        ("/v1/tagged", "put"): (["v1", "films", "operation"], security),
        ("/v2/films", "get"): (None, None),
        ("/v2/films", "post"): (None, None),
        ("/v2/films", "delete"): (None, None),
    }
    names = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(set(names)) == len(names)


def refusals(document: dict[str, Any], path: str) -> list[Any]:
    return [
        response.get("content")
        for operation in document["paths"][path].values()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]


def test_every_refusal_below_the_prefix_has_the_shape_that_its_annotation_names() -> None:
    def wire(app: Any) -> None:
        app._include_group("/v1", Films(), Ticks(), auth=Tokens(), problems=dialect)
        app._include_group("/v2", Films())
        app._include_endpoint(Tagged(), path="/v1/tagged")

    document = documented(wire)
    for path in ("/v1/films", "/v1/ticks", "/v1/tagged"):
        found = refusals(document, path)
        assert found
        assert all(content == DIALECT for content in found)
    assert all(list(content) == [PROBLEM] for content in refusals(document, "/v2/films"))
    headers = document["paths"]["/v1/films"]["post"]["responses"]["401"]["headers"]
    assert list(headers) == ["WWW-Authenticate"]
    assert set(document["components"]["schemas"]) >= {"Dialect", "Detail", "Problem"}


class Other(Struct):
    code: str


def whole(problem: Problem) -> JSONResponse[Other]:
    raise NotImplementedError


async def either(problem: Problem) -> Other | Dialect:
    raise NotImplementedError


def text(problem: Problem) -> str:
    raise NotImplementedError


def unsaid(problem: Problem) -> Any:
    raise NotImplementedError


def page(problem: Problem) -> TextResponse:
    raise NotImplementedError


REFERENCE = {"$ref": "#/components/schemas/Other"}


@pytest.mark.parametrize(
    ("render", "content"),
    [
        (whole, {"application/json": {"schema": REFERENCE}}),
        (either, {"application/json": {"schema": {"anyOf": [REFERENCE, {"$ref": "#/components/schemas/Dialect"}]}}}),
        (text, {"text/plain": {"schema": {"type": "string"}}}),
        (page, {"text/plain": {"schema": {"type": "string"}}}),
        (unsaid, None),
    ],
)
def test_the_annotation_of_the_renderer_says_what_the_body_is(render: Any, content: Any) -> None:
    def wire(app: Any) -> None:
        app._include_group("/v1", Tagged(), problems=render)

    document = documented(wire)
    assert refusals(document, "/v1/tagged") == [content] * 2


def test_an_exception_handler_comes_before_the_renderer() -> None:
    def handler(error: HTTPError) -> JSONResponse[Other]:
        raise NotImplementedError

    def partly(error: HTTPError) -> JSONResponse[Other] | HTTPError:
        raise NotImplementedError

    def wire(app: Any) -> None:
        app._include_group("/v1", Tagged(), problems=dialect, exception_handlers={NotFound: handler})
        app._include_group("/v2", Tagged(), problems=dialect, exception_handlers={NotFound: partly})

    document = documented(wire)
    both = {"anyOf": [{"$ref": "#/components/schemas/Dialect"}, REFERENCE]}
    assert refusals(document, "/v1/tagged") == [{"application/json": {"schema": REFERENCE}}] * 2
    assert refusals(document, "/v2/tagged") == [{"application/json": {"schema": both}}] * 2


class OfTenant(Endpoint, path="/{tenant}/users"):
    async def get(self, path: Tenant) -> str:
        raise NotImplementedError


def test_the_slots_of_a_prefix_match_those_of_a_path_and_its_literals_do_not() -> None:
    def wire(app: Any) -> None:
        app._include_group("/{any}/users", problems=dialect)
        app._include_group("/v1", Tagged(), problems=whole)
        app._include_endpoint(OfTenant())

    document = documented(wire)
    assert refusals(document, "/{tenant}/users") == [DIALECT]
