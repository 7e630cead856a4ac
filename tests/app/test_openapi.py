"""The documentation of an application: its content, and where it is served."""

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
    """Calls `_include_openapi` with these options, before it includes its last endpoint."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._options = options

    async def _wire(self) -> None:
        self._include_endpoint(NamesEndpoint())
        self._include_openapi(title="Names", version="1.2", **self._options)
        self._include_endpoint(LateEndpoint())


def test_the_document_lists_all_operations_except_its_own() -> None:
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


def test_the_document_describes_the_application() -> None:
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
def test_the_paths_of_document_and_page(options: dict[str, Any], statuses: dict[str, int]) -> None:
    with TestClient(Documented(**options)) as client:
        assert {path: client.get(path).status_code for path in statuses} == statuses


def test_an_application_without_include_openapi_has_no_document() -> None:
    with TestClient(Application(NamesEndpoint())) as client:
        assert [client.get(path).status_code for path in ("/openapi.json", "/docs")] == [404, 404]


def test_a_restarted_application_has_the_same_document() -> None:
    app = Documented()
    for _ in range(2):
        with TestClient(app) as client:
            assert list(client.get("/openapi.json").json()["paths"]) == ["/names", "/late"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"openapi_version": "2.0"}, "_include_openapi: openapi_version='2.0' is not supported"),
        ({"path": "/names"}, "GET /names is the path of NamesEndpoint already"),
        ({"docs_path": "/late"}, "GET /late is the path of LateEndpoint already"),
    ],
)
def test_unusable_options_are_refused_at_startup(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message), TestClient(Documented(**options)):
        pass


class Twice(Documented):
    async def _wire(self) -> None:
        await super()._wire()
        self._include_openapi(title="Names", version="2")


def test_a_second_include_openapi_is_refused() -> None:
    with (
        pytest.raises(RuntimeError, match=r"_include_openapi: it was called twice. Call it once\."),
        TestClient(Twice()),
    ):
        pass


class Late(BaseApp):
    def include_openapi(self) -> None:
        self._include_openapi(title="Names", version="1")


async def test_openapi_cannot_be_included_outside_wiring() -> None:
    app = Late()
    async with AsyncTestClient(app):
        with pytest.raises(WiringError, match=r"_include_openapi: it was called after the app.* Call it in _wire\."):
            app.include_openapi()


WITHOUT = """
import json, sys
import jero
print(json.dumps([name for name in sys.modules if name.startswith("jero.openapi")]))
"""


def test_importing_jero_does_not_import_the_writer_of_documents() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert set(json.loads(ran.stdout)) <= {"jero.openapi", "jero.openapi.documentation", "jero.openapi.info"}
