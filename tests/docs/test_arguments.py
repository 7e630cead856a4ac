from typing import Any

import httpx
import pytest

from tests.docs.example import Example
from tests.programs import needs_program

BOOKS = "/shelves/7/books"


@needs_program("curl")
def test_each_argument_comes_from_its_place(example: Example) -> None:
    options = ("-H", "Accept-Language: de", "-H", "X-Trace-ID: 42", "-b", "theme=dark")
    with example.curl(f"{BOOKS}?word=sea&tag=old&tag=long", *options) as curl:
        assert curl.rest() == [
            '{"shelf":7,"search":{"word":"sea","tag":["old","long"],"limit":10},"language":"de","trace":"42","theme":"dark"}'
        ]


def test_missing_arguments_get_their_defaults(client: httpx.Client) -> None:
    found = client.get(BOOKS, headers={"Accept-Language": "en"}).json()
    assert found["search"] == {"word": "", "tag": [], "limit": 10}
    assert (found["trace"], found["theme"]) == (None, "light")


def test_json_is_the_body(client: httpx.Client) -> None:
    book = {"title": "Moby-Dick", "authors": ["Herman Melville"]}
    assert client.post(BOOKS, json=book).json() == {"shelf": 7, "book": book}


def test_content_is_the_unchanged_body(client: httpx.Client) -> None:
    response = client.put(BOOKS, content=b"\x00\x01\x02")
    assert (response.text, response.headers["content-type"]) == ("3 bytes", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("call", "body", "status", "kind", "loc"),
    [
        ("GET /shelves/top/books", {}, 404, "not-found", ["path", "shelf"]),
        (f"GET {BOOKS}?limit=0", {}, 400, "malformed-request", ["params", "limit"]),
        (f"POST {BOOKS}", {"json": {"title": "", "authors": []}}, 422, "unprocessable-content", ["json", "title"]),
        (f"POST {BOOKS}", {"json": {"title": "x"}}, 422, "unprocessable-content", ["json", "authors"]),
        (f"POST {BOOKS}", {"data": {"title": "x"}}, 415, "unsupported-media-type", None),
        (f"PUT {BOOKS}", {"content": b"x" * 1_001}, 413, "content-too-large", None),
    ],
)
def test_a_wrong_value_is_refused_with_the_path_of_the_fault(
    client: httpx.Client, call: str, body: dict[str, Any], status: int, kind: str, loc: list[str] | None
) -> None:
    method, path = call.split()
    response = client.request(method, path, **body)
    problem = response.json()
    assert (response.status_code, problem["status"], problem["type"]) == (status, status, kind)
    assert problem.get("errors", [{"loc": None}])[0]["loc"] == loc


def test_a_body_that_is_not_json_is_malformed(client: httpx.Client) -> None:
    response = client.post(BOOKS, content=b"{", headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["type"]) == (400, "malformed-request")
