"""Serves the demo's page and its files."""

from pathlib import Path
from typing import ClassVar, Final

from msgspec import Struct

from jero import BytesResponse, Endpoint, NotFound

FOLDER: Final = Path(__file__).parents[1] / "page"
INDEX: Final = "index.html"
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS: Final = {
    # The page loads nothing from other hosts, and runs no code that is not in its files.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # The address of the page contains the id of an answer.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Page(BytesResponse, frozen=True):
    """The page, as HTML."""

    media_types: ClassVar = (MEDIA_TYPES[".html"],)


class PageFile(BytesResponse, frozen=True):
    """A file of the page."""

    media_types: ClassVar = tuple(MEDIA_TYPES[suffix] for suffix in (".css", ".js", ".svg"))


class FilePath(Struct):
    """The name of a file."""

    name: str


class PageEndpoint(Endpoint, path="/"):
    """The page of the demo."""

    tags: ClassVar = ["page"]

    def __init__(self) -> None:
        self._page = (FOLDER / INDEX).read_bytes()

    async def get(self) -> Page:
        """Returns the page."""
        return Page(self._page, raw_headers={**HEADERS, "Content-Type": MEDIA_TYPES[".html"]})


class PageFileEndpoint(Endpoint, path="/page/{name}"):
    """The files of the page, read once."""

    tags: ClassVar = ["page"]
    errors: ClassVar = [NotFound]

    def __init__(self) -> None:
        self._files = {file.name: file.read_bytes() for file in FOLDER.iterdir() if file.name != INDEX}

    async def get(self, path: FilePath) -> PageFile:
        """Returns a style sheet, a script or an icon of the page."""
        content = self._files.get(path.name)
        if content is None:
            raise NotFound("The page has no file of this name.")
        headers = {**HEADERS, "Content-Type": MEDIA_TYPES[Path(path.name).suffix]}
        return PageFile(content, raw_headers=headers)
