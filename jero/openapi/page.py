"""The page that shows the document and runs its operations: files of this package, served by the application itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib import resources
from pathlib import PurePosixPath
from posixpath import dirname, relpath
from string import Template
from typing import Final

from jero.endpoint import Endpoint
from jero.http.headers import RawHeaders
from jero.responses.whole import BytesResponse

PAGE: Final = "page.html"
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# The page names its files by their content, so it is asked for each time and they never again.
CACHE_PAGE: Final = "no-cache"
CACHE_FILE: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class PageFile(Endpoint):
    """One file, kept in memory."""

    content: bytes
    raw_headers: RawHeaders

    async def get(self) -> BytesResponse:
        return BytesResponse(content=self.content, raw_headers=self.raw_headers)


def page_endpoints(document_url: str, title: str, docs_path: str) -> Sequence[tuple[Endpoint, str]]:
    """The page on `docs_path` and its files below it, each with the path to include it at.

    `document_url`: the path of the OpenAPI document in the same application. The page refers to it, to its files and to
    the operations by relative URLs, so that it works wherever the application is mounted. It needs nothing from
    any other host, and its content security policy allows none.
    """
    files = {file.name: file.read_bytes() for file in (resources.files("jero.openapi") / "static").iterdir()}
    page = Template(files.pop(PAGE).decode())
    version = sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:16]
    here = dirname(docs_path)
    html = page.substitute(
        title=escape(title),
        files=escape(relpath(f"{docs_path.rstrip('/')}/{version}", here)),
        document=escape(relpath(document_url, here)),
        root=escape(relpath("/", here)),
    )
    served = [(_page_file(PAGE, html.encode(), CACHE_PAGE), docs_path)]
    for name, content in sorted(files.items()):
        served.append((_page_file(name, content, CACHE_FILE), f"{docs_path.rstrip('/')}/{version}/{name}"))
    return served


def _page_file(name: str, content: bytes, caching: str) -> PageFile:
    media_type = MEDIA_TYPES[PurePosixPath(name).suffix]
    return PageFile(content, {**SECURITY_HEADERS, "Content-Type": media_type, "Cache-Control": caching})
