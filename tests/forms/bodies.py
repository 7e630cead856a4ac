"""Writes bodies of forms, and reads them with the parsers, or sends them to an endpoint without a client."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from jero import Endpoint, FormPolicy, HTTPError, UploadFile
from jero.binding.entries import Entries, shape_of
from jero.binding.multipart import MultipartForm
from jero.binding.spool import Spool
from jero.binding.urlencoded import UrlencodedForm
from jero.http.asgi import HeaderPairs, Message
from tests.application import Application, call, http_scope

BOUNDARY = b"edge"
MULTIPART = b"multipart/form-data; boundary=edge"
URLENCODED = b"application/x-www-form-urlencoded"


class Everything(Struct):
    """A form with texts and files of each kind."""

    text: str = ""
    other: str = ""
    texts: list[str] = []
    file: UploadFile | None = None
    files: list[UploadFile] = []


def part(content: bytes, *headers: bytes) -> bytes:
    """Returns one part, without the boundary before it."""
    return b"".join(header + b"\r\n" for header in headers) + b"\r\n" + content


def field(name: bytes, content: bytes) -> bytes:
    """Returns a part that is a field."""
    return part(content, b'Content-Disposition: form-data; name="%b"' % name)


def file(name: bytes, filename: bytes, content: bytes) -> bytes:
    """Returns a part that is a file."""
    disposition = b'Content-Disposition: form-data; name="%b"; filename="%b"' % (name, filename)
    return part(content, disposition, b"Content-Type: text/csv")


def multipart(*parts: bytes, boundary: bytes = BOUNDARY) -> bytes:
    """Returns a whole body, which ends with its last boundary."""
    opened = b"".join(b"--%b\r\n%b\r\n" % (boundary, each) for each in parts)
    return opened + b"--%b--" % boundary


def read_multipart(chunks: Iterable[bytes], policy: FormPolicy | None = None, boundary: bytes = BOUNDARY) -> Any:
    """Returns the names and values that are read from a body in these parts, or how it is refused."""
    spool = Spool()
    entries = Entries(shape_of(Everything), policy or FormPolicy(), spool)
    return _read(lambda: MultipartForm(entries, {b"boundary": boundary}), entries, spool, chunks)


def read_urlencoded(chunks: Iterable[bytes], policy: FormPolicy | None = None) -> Any:
    """Returns the same for a urlencoded body."""
    spool = Spool()
    entries = Entries(shape_of(Everything), policy or FormPolicy(), spool)
    return _read(lambda: UrlencodedForm(entries, {}), entries, spool, chunks)


async def answer_to(
    endpoint: Endpoint, headers: HeaderPairs, messages: Iterable[Message], method: str = "POST"
) -> list[Message]:
    """Returns the messages with which an application answers a request of these messages."""
    app = Application(endpoint)
    async with app.lifespan():
        return await call(app, http_scope(method, headers=headers), messages)


def _read(open_parser: Any, entries: Entries, spool: Spool, chunks: Iterable[bytes]) -> Any:
    try:
        parser = open_parser()
        for chunk in chunks:
            parser.feed(chunk)
        parser.finish()
    except HTTPError as error:
        return error.status, error.detail
    return [(name, _plain(value, spool)) for name, value in entries.pairs]


def _plain(value: str | UploadFile, spool: Spool) -> Any:
    if isinstance(value, str):
        return value
    return value.filename, value.content_type, value.open().read()
