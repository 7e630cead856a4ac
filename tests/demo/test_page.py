"""Tests the files of the demo's page: their headers, their references, and the files that they name."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from demo_app.app import App
from demo_app.operations.page_operations import FOLDER
from demo_app.settings import Settings
from jero.testing import TestClient

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.name != "index.html")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(App(Settings(heartbeat=60)), base_url="http://localhost") as client:
        yield client


class Read(HTMLParser):
    """Collects what a page refers to, the files that it names, and code that its policy would block."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.urls: set[str] = set()
        self.named: set[str] = set()
        self.inline: list[str] = []
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.urls |= {value for name, value in attrs if name in {"href", "src"} and value}
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self._tag in {"script", "style"} and data.strip():
            self.inline.append(data)
        if self._tag == "code" and re.fullmatch(r"[\w/]+\.\w+", data):
            self.named.add(data)


@pytest.mark.parametrize("address", ["/", *(f"/page/{name}" for name in NAMES)])
def test_a_file_is_served_with_its_type_and_a_strict_policy(client: TestClient, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 200
    assert response.headers["content-type"] == TYPES.get(address.rpartition(".")[2], "text/html; charset=utf-8")
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


def test_the_page_refers_to_files_that_are_served(client: TestClient) -> None:
    page = Read(client.get("/").text)
    assert not page.inline
    found, waiting = set[str](), [url for url in page.urls if url.startswith("page/")]
    while waiting:
        url = waiting.pop()
        if url not in found:
            found.add(url)
            waiting += [f"page/{name}" for name in re.findall(r'from "\./([\w.]+)"', client.get(f"/{url}").text)]
    assert sorted(found) == [f"page/{name}" for name in NAMES]
    for url in page.urls - found:
        assert client.get(f"/{url}").status_code == 200


def test_each_part_names_files_that_make_it(client: TestClient) -> None:
    html = client.get("/").text
    named = Read(html).named
    assert html.count('class="made"') == html.count("<section")
    assert len(named) > html.count("<section")
    assert [name for name in sorted(named) if not (FOLDER.parent / name).is_file()] == []


@pytest.mark.parametrize("name", ["index.html", "other.js", "..%2Fapp.py", "%2E%2E%2F%2E%2E%2Fpyproject.toml"])
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    response = client.get(f"/page/{name}")
    assert (response.status_code, response.json()["type"]) == (404, "not-found")


def test_the_modules_know_no_other_host() -> None:
    for name in NAMES:
        if Path(name).suffix in {".js", ".css"}:
            assert "//" not in re.sub(r"(?m)(^|\s)//.*$|/\*.*?\*/", "", (FOLDER / name).read_text("utf-8")), name
