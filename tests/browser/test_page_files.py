"""Tests the page's files: their headers, their addresses, and their references."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import resources
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from jero import BaseApp
from jero.openapi.serve import page_endpoints
from jero.testing import TestClient
from tests.browser.docs_page import DocsPage
from tests.browser.feeds import Lines
from tests.browser.serving import served
from tests.browser.watch import Chromium
from tests.programs import needs_program

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TITLE = '"Movies" & <script>alert(1)</script> $title'


class App(BaseApp):
    def __init__(self, docs_path: str = "/docs") -> None:
        super().__init__()
        self._docs_path = docs_path

    async def _wire(self) -> None:
        self._include_endpoint(Lines())
        self._include_openapi(title=TITLE, version="1", docs_path=self._docs_path)


class Host(BaseApp):
    """Mounts the application under a prefix."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app

    async def _wire(self) -> None:
        self._include_app(self._app, path="/below/it")


class References(HTMLParser):
    """Collects the references of a page, and the inline code that a strict policy blocks."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline: list[str] = []
        self._is_in_code = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.urls += [value for name, value in attrs if name in {"href", "src"} and value and not value.startswith("#")]
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]
        self._is_in_code = tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if self._is_in_code and data.strip():
            self.inline.append(data)
        self._is_in_code = False


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(App()) as client:
        yield client


def files(client: httpx.Client, docs: str = "/docs") -> dict[str, httpx.Response]:
    """Returns the page, its files and the files that they import, by address."""
    found = {docs: client.get(docs)}
    waiting = [urljoin(docs, url) for url in References(found[docs].text).urls if "." in url.rpartition("/")[2]]
    while waiting:
        address = waiting.pop()
        if address not in found:
            found[address] = client.get(address)
            waiting += [urljoin(address, name) for name in re.findall(r'from "(\./[\w.]+)"', found[address].text)]
    return found


def test_every_file_is_served_with_security_headers(client: TestClient) -> None:
    found = files(client)
    packed = [file.name for file in (resources.files("jero.openapi") / "static").iterdir()]
    served_files = [address for address in found if address not in {"/docs", "/openapi.json", "/"}]
    assert sorted(address.rpartition("/")[2] for address in served_files) == sorted(set(packed) - {"page.html"})
    for address in ("/docs", *served_files):
        headers = found[address].raise_for_status().headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_files_are_cached_by_their_content_and_the_page_is_not(client: TestClient) -> None:
    found = files(client)
    assert found["/docs"].headers["cache-control"] == "no-cache"
    kept = {address: file for address, file in found.items() if address.startswith("/docs/")}
    assert {file.headers["cache-control"] for file in kept.values()} == {"public, max-age=31536000, immutable"}
    assert len({address.rpartition("/")[0] for address in kept}) == 1
    assert re.fullmatch(r"/docs/[0-9a-f]{16}/\w+\.\w+", next(iter(kept)))
    types = {address.rpartition(".")[2]: file.headers["content-type"] for address, file in kept.items()}
    assert types == {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
    assert client.head("/docs").headers["content-type"] == "text/html; charset=utf-8"


def test_a_title_is_only_text(client: TestClient) -> None:
    html = client.get("/docs").text
    assert "<script>alert" not in html
    assert "<title>&quot;Movies&quot; &amp; &lt;script&gt;alert(1)&lt;/script&gt; $title</title>" in html
    assert not References(html).inline


def test_nothing_refers_to_another_host(client: TestClient) -> None:
    for address, file in files(client).items():
        if address.endswith((".js", ".css", "/docs")):
            addresses = re.findall(r"[\w+]*:?//[\w.]+", re.sub(r"(?m)^\s*//.*|\s// .*$", "", file.text))
            assert set(addresses) <= {"https://example.com"}, address  # the sample value of a URL


@pytest.mark.parametrize("docs_path", ["/", "/docs", "/docs/", "/a/b/docs"])
@pytest.mark.parametrize("document_path", ["/openapi.json", "/a/openapi.json"])
@pytest.mark.parametrize("prefix", ["", "/below/it"])
def test_references_are_relative(docs_path: str, document_path: str, prefix: str) -> None:
    endpoints = page_endpoints(document_path, "Movies", docs_path)
    paths = {prefix + path for _, path in endpoints}
    html = next(endpoint for endpoint, path in endpoints if path == docs_path)
    urls = References(vars(html)["content"].decode()).urls
    assert not [url for url in urls if urlsplit(url).netloc or url.startswith("/")]
    targets = {urljoin(prefix + docs_path, url) for url in urls}
    assert {prefix + document_path, f"{prefix}/"} <= targets
    assert targets <= paths | {prefix + document_path, f"{prefix}/"}


@needs_program("chromium")
@pytest.mark.parametrize("docs_path", ["/docs", "/a/b/docs/"])
def test_the_page_works_below_a_prefix(chromium: Chromium, docs_path: str) -> None:
    with served(Host(App(docs_path))) as url, chromium.new_context() as context:
        docs = DocsPage(context.new_page(), f"{url}/below/it{docs_path}", chromium.watch)
        docs.open(heading='"Movies" & <script>')
        expect(docs.page).to_have_title(TITLE)
        docs.open("get/lines")
        docs.start()
        docs.ended("Completed", "5 items")
