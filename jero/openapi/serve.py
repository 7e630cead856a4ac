"""Serves the OpenAPI document, and the page that shows it and runs its operations, from the application itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib import resources
from pathlib import PurePosixPath
from posixpath import dirname, relpath
from string import Template
from typing import Final

from jero.codec import DEFAULT_ENCODER
from jero.contract.operation import Operation
from jero.endpoint import Endpoint
from jero.http.headers import RawHeaders
from jero.openapi.document import build_document
from jero.openapi.info import DocumentInfo
from jero.responses.whole import JSON, BytesResponse

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
# The document and the page change with the application. The page's files have a version in their path and never change.
ALWAYS_FRESH: Final = "no-cache"
CACHED_FOR_A_YEAR: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class StoredFile(Endpoint):
    """A file in memory."""

    content: bytes
    raw_headers: RawHeaders

    async def get(self) -> BytesResponse:
        return BytesResponse(content=self.content, raw_headers=self.raw_headers)


def document_bytes(operations: Sequence[Operation], info: DocumentInfo, openapi_version: str = "3.2.0") -> bytes:
    """Returns the document as JSON. Raises `WiringError` as `build_document` does."""
    return DEFAULT_ENCODER.encode(build_document(operations, info, openapi_version))


def document_endpoint(document: bytes) -> Endpoint:
    """Returns an endpoint that serves the document as `application/json`, the media type that tools ask for."""
    return StoredFile(document, {"Content-Type": JSON, "Cache-Control": ALWAYS_FRESH})


def page_endpoints(document_path: str, title: str, docs_path: str) -> Sequence[tuple[Endpoint, str]]:
    """Returns the page, for `docs_path`, and its files, for paths below it. Each endpoint comes with its path.

    `document_path`: the path of the OpenAPI document in the same application. The page's URLs of the document, of its
    files and of the operations are relative, so that the page works wherever the application is mounted. The page
    loads nothing from other hosts, and its content security policy forbids it.
    """
    files = {file.name: file.read_bytes() for file in (resources.files("jero.openapi") / "static").iterdir()}
    page = Template(files.pop(PAGE).decode())
    version = sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:16]
    here = dirname(docs_path)
    html = page.substitute(
        title=escape(title),
        files=escape(relpath(f"{docs_path.rstrip('/')}/{version}", here)),
        document=escape(relpath(document_path, here)),
        root=escape(relpath("/", here)),
    )
    served = [(_page_file(PAGE, html.encode(), ALWAYS_FRESH), docs_path)]
    for name, content in sorted(files.items()):
        served.append((_page_file(name, content, CACHED_FOR_A_YEAR), f"{docs_path.rstrip('/')}/{version}/{name}"))
    return served


def _page_file(name: str, content: bytes, caching: str) -> StoredFile:
    media_type = MEDIA_TYPES[PurePosixPath(name).suffix]
    return StoredFile(content, {**SECURITY_HEADERS, "Content-Type": media_type, "Cache-Control": caching})
