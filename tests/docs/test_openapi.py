"""Checks that the document of the example is valid, and that the page shows unchanged parts of it."""

import json
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV32SpecValidator, validate

from tests.docs.console import FENCE
from tests.docs.program import ROOT

PAGE = (ROOT / "docs" / "openapi.md").read_text("utf-8")


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    written: dict[str, Any] = client.get("/openapi.json").json()
    return written


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document, cls=OpenAPIV32SpecValidator)
    assert document["info"]["contact"] == {"email": "office@example.com"}


def test_the_page_shows_parts_of_the_document(document: dict[str, Any]) -> None:
    operations = document["paths"]["/courses/{course_id}/bookings"]
    event = operations["get"]["responses"]["200"]["content"]["text/event-stream"]["itemSchema"]
    shown = [json.loads(fence["text"]) for fence in FENCE.finditer(PAGE) if fence["language"] == "json"]
    assert shown == [operations["post"]["responses"]["409"], event]


def test_notes_are_in_the_document(document: dict[str, Any]) -> None:
    operations = document["paths"]["/courses/{course_id}/bookings"]
    assert operations["get"]["summary"] == "Follows the bookings of a course."
    assert operations["post"]["summary"] == "Books a place"
    assert operations["post"]["tags"] == ["bookings", "office"]
    assert operations["post"]["operationId"] == "bookings_post"
    assert "`bookings_post`" in PAGE


def test_the_page_that_shows_the_document_is_served(client: httpx.Client) -> None:
    assert client.get("/docs").headers["content-type"].startswith("text/html")


def test_the_operations_answer(client: httpx.Client) -> None:
    assert client.post("/courses/7/bookings", json={"name": "Ada"}).json() == {"name": "Ada", "places": 1}
    assert client.post("/courses/101/bookings", json={"name": "Ada"}).status_code == 409
