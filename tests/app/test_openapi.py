"""The documentation of an application: what it holds, where it is served, and what is switched off."""

import json
import subprocess
import sys
from typing import Any

import pytest

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, WiringError
from jero.openapi.info import Contact, Server
from jero.testing import AsyncTestClient, TestClient
from tests.application import Application


class NamesEndpoint(Endpoint, path="/names"):
    async def get(self) -> NDJSONStreamingResponse[str]:
        raise NotImplementedError

    async def post(self, json: list[str]) -> int:
        return len(json)


class LateEndpoint(Endpoint, path="/late"):
    async def get(self) -> str:
        return "late"


class Documented(BaseApp):
    """Documents itself with these options, before its last endpoint is included."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._options = options

    async def _wire(self) -> None:
        self._include_endpoint(NamesEndpoint())
        self._include_openapi(title="Names", version="1.2", **self._options)
        self._include_endpoint(LateEndpoint())


def test_the_document_has_all_operations_but_its_own() -> None:
    with TestClient(Documented()) as client:
        response = client.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document["openapi"] == "3.2.0"
    assert document["info"] == {"title": "Names", "version": "1.2"}
    assert {path: list(methods) for path, methods in document["paths"].items()} == {
        "/names": ["get", "post"],
        "/late": ["get"],
    }


def test_what_is_said_of_the_application() -> None:
    options = {
        "description": "All of *them*.",
        "summary": "Names",
        "servers": ["https://a.example", Server(url="/b", description="b")],
        "contact": Contact(email="a@b.example"),
    }
    with TestClient(Documented(**options)) as client:
        document = client.get("/openapi.json").json()
    assert document["servers"] == [{"url": "https://a.example"}, {"url": "/b", "description": "b"}]
    assert document["info"] == {
        "title": "Names",
        "summary": "Names",
        "description": "All of *them*.",
        "contact": {"email": "a@b.example"},
        "version": "1.2",
    }


def test_version_3_1_on_request() -> None:
    with TestClient(Documented(openapi_version="3.1.0")) as client:
        assert client.get("/openapi.json").json()["openapi"] == "3.1.0"


def test_the_page_refers_to_the_document() -> None:
    with TestClient(Documented()) as client:
        response = client.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "openapi.json" in response.text


@pytest.mark.parametrize(
    ("options", "statuses"),
    [
        ({}, {"/openapi.json": 200, "/docs": 200}),
        ({"docs_path": None}, {"/openapi.json": 200, "/docs": 404}),
        ({"path": None}, {"/openapi.json": 404, "/docs": 404}),
        ({"path": "/api.json", "docs_path": "/"}, {"/openapi.json": 404, "/api.json": 200, "/docs": 404, "/": 200}),
    ],
)
def test_where_they_are_served(options: dict[str, Any], statuses: dict[str, int]) -> None:
    with TestClient(Documented(**options)) as client:
        assert {path: client.get(path).status_code for path in statuses} == statuses


def test_an_application_that_does_not_ask_has_none() -> None:
    with TestClient(Application(NamesEndpoint())) as client:
        assert [client.get(path).status_code for path in ("/openapi.json", "/docs")] == [404, 404]


def test_a_second_life_has_its_own() -> None:
    app = Documented()
    for _ in range(2):
        with TestClient(app) as client:
            assert list(client.get("/openapi.json").json()["paths"]) == ["/names", "/late"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"openapi_version": "2.0"}, "_include_openapi: openapi_version='2.0' is not supported"),
        ({"path": "/names"}, "GET /names is NamesEndpoint's already"),
        ({"docs_path": "/late"}, "GET /late is LateEndpoint's already"),
    ],
)
def test_what_is_refused_at_startup(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message), TestClient(Documented(**options)):
        pass


class Twice(Documented):
    async def _wire(self) -> None:
        await super()._wire()
        self._include_openapi(title="Names", version="2")


def test_it_is_included_once() -> None:
    with (
        pytest.raises(RuntimeError, match=r"_include_openapi: it was called twice. Call it once\."),
        TestClient(Twice()),
    ):
        pass


class Late(BaseApp):
    def include_openapi(self) -> None:
        self._include_openapi(title="Names", version="1")


async def test_it_is_included_while_wiring() -> None:
    app = Late()
    async with AsyncTestClient(app):
        with pytest.raises(WiringError, match=r"_include_openapi: it was called after the app.* Call it in _wire\."):
            app.include_openapi()


WITHOUT = """
import json, sys
import jero
print(json.dumps([name for name in sys.modules if name.startswith("jero.openapi")]))
"""


def test_who_does_not_ask_for_it_does_not_import_what_writes_it() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert set(json.loads(ran.stdout)) <= {"jero.openapi", "jero.openapi.documentation", "jero.openapi.info"}
