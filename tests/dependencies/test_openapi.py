"""The document lists what the dependencies of an operation take of its requests, and their refusals."""

from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct, field

from jero import BaseApp, Endpoint, Request
from jero.auth import HTTPScheme
from jero.testing import TestClient


class Trace(Struct):
    x_trace: str
    accept_language: str = "en"


class Paging(Struct):
    size: int = 10


class Tenant(Struct):
    tenant: int


class Language(Struct):
    language: str = field(name="Accept-Language", default="de")


class Session:
    pass


class Tracer:
    pass


async def tracer(headers: Trace, request: Request) -> AsyncIterator[Tracer]:
    yield Tracer()


async def session(path: Tenant, params: Paging, user: str, tracer: Tracer) -> AsyncIterator[Session]:
    yield Session()


class Users:
    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, request: Request) -> str:
        return "somebody"


class PageEndpoint(Endpoint, path="/{tenant}/pages/{page}"):
    async def get(self, session: Session, headers: Language) -> str:
        return headers.language

    async def put(self) -> str:
        return "without dependencies"


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(PageEndpoint(), auth=Users())
        self._include_dependency(session)
        self._include_dependency(tracer)
        self._include_openapi(title="t", version="1")


def test_parameters_and_refusals_of_dependencies_are_in_the_document() -> None:
    with TestClient(App()) as client:
        path: dict[str, Any] = client.get("/openapi.json").json()["paths"]["/{tenant}/pages/{page}"]
    get, put = path["get"], path["put"]
    found = {(each["in"], each["name"]): each for each in get["parameters"]}
    assert set(found) == {
        ("header", "Accept-Language"),
        ("header", "x-trace"),
        ("query", "size"),
        ("path", "tenant"),
        ("path", "page"),
    }
    assert len(get["parameters"]) == len(found)
    assert found["header", "x-trace"]["required"]
    assert found["path", "tenant"]["schema"] == {"type": "integer"}
    assert "required" not in found["header", "Accept-Language"]
    assert {"200", "400", "401", "404"} <= set(get["responses"])
    assert {(each["in"], each["name"]) for each in put["parameters"]} == {("path", "tenant"), ("path", "page")}
    assert "400" not in put["responses"]


def test_a_header_that_a_dependency_requires_is_required() -> None:
    class Optional(Struct):
        x_trace: str | None = None

    class TracedEndpoint(Endpoint, path="/"):
        async def get(self, headers: Optional, tracer: Tracer) -> str:
            return "traced"

    class TracedApp(BaseApp):
        async def _wire(self) -> None:
            self._include_endpoint(TracedEndpoint())
            self._include_dependency(tracer)
            self._include_openapi(title="t", version="1")

    with TestClient(TracedApp()) as client:
        parameters = client.get("/openapi.json").json()["paths"]["/"]["get"]["parameters"]
    [trace] = [each for each in parameters if each["name"] == "x-trace"]
    assert trace["required"]
