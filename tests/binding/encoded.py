"""Encodes bodies as clients do, and an endpoint for each way to read one."""

import gzip
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, ClassVar

from msgspec import Struct

from jero import Endpoint, FormPolicy, UploadFile
from jero.http.asgi import HeaderPairs, Message
from tests.application import Application, call, http_scope

CODINGS = ("gzip", "deflate")
LIMIT = 1_048_576
TYPES = {"json": b"application/json", "items": b"application/x-ndjson", "form": b"multipart/form-data; boundary=edge"}


def encoded(data: bytes, codings: Sequence[str]) -> bytes:
    """Returns the data with these codings, the first of which is applied first."""
    for coding in codings:
        data = gzip.compress(data, 1) if coding == "gzip" else zlib.compress(data, 1)
    return data


def bomb(mebibytes: int) -> bytes:
    """Returns gzip data of zeros, which has a thousandth of their size."""
    compressor = zlib.compressobj(9, wbits=31)
    zeros = bytes(1_048_576)
    return b"".join(compressor.compress(zeros) for _ in range(mebibytes)) + compressor.flush()


def in_parts(data: bytes, size: int) -> list[Message]:
    """Returns the messages of a body in parts of that size."""
    parts = [data[start : start + size] for start in range(0, len(data), size)] or [b""]
    return [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]


class Upload(Struct):
    note: str
    file: UploadFile


class Whole(Endpoint, path="/json"):
    content_encodings = CODINGS

    async def post(self, json: list[int]) -> list[int]:
        return json


class Items(Endpoint, path="/items"):
    content_encodings = CODINGS

    async def post(self, items: AsyncIterator[int]) -> list[int]:
        return [item async for item in items]

    async def put(self, items: AsyncIterator[int]) -> AsyncIterator[int]:
        async for item in items:
            yield item


class Content(Endpoint, path="/content"):
    content_encodings = CODINGS

    async def post(self, content: bytes) -> bytes:
        return content


class Parts(Endpoint, path="/parts"):
    """Returns the number of bytes, and the size of the largest part."""

    content_encodings = CODINGS

    async def post(self, content: AsyncIterator[bytes]) -> tuple[int, int]:
        sizes = [len(part) async for part in content]
        return sum(sizes), max(sizes, default=0)


class Form(Endpoint, path="/form"):
    content_encodings = CODINGS
    form_policy: ClassVar = FormPolicy(max_bytes=LIMIT)

    async def post(self, form: Upload) -> str:
        return f"{form.note} {len(await form.file.read())}"


class Bounded(Parts, path="/bounded"):
    max_body_bytes = LIMIT


ALL = (Whole(), Items(), Content(), Parts(), Form(), Bounded())


async def answer(
    path: str, messages: Iterable[Message], coding: str, *, method: str = "POST", headers: HeaderPairs | None = None
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Returns the status, the headers and the body with which a request is answered."""
    media_type = TYPES.get(path[1:], b"application/octet-stream")
    pairs = [(b"content-type", media_type), (b"transfer-encoding", b"chunked")]
    pairs += [(b"content-encoding", coding.encode())] if headers is None else headers
    app = Application(*ALL)
    async with app.lifespan():
        start, *bodies = await call(app, http_scope(method, path, headers=pairs), messages)
    sent: Any = start["headers"]
    return start["status"], dict(sent), b"".join(body["body"] for body in bodies)
