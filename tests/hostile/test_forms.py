"""Hostile forms: their memory and descriptors are limited, they block nothing for long, and silence is refused."""

import asyncio
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import ClassVar

import pytest
from msgspec import Struct

from jero import Endpoint, FormPolicy, StreamingResponse, UploadFile
from jero.binding.form import WINDOW_BYTES
from jero.http.asgi import Message, Receive, Send
from tests.application import Application, http_scope
from tests.forms.bodies import MULTIPART, URLENCODED, answer_to, field, file, multipart
from tests.forms.conftest import disk
from tests.forms.disk import Disk
from tests.streaming.connection import skip_time

__all__ = ["disk"]

MIB = 1_048_576
PART = bytes(65_536)


class Upload(Struct):
    file: UploadFile | None = None
    files: list[UploadFile] = []
    text: str = ""


class Uploads(Endpoint, path="/"):
    form_policy: ClassVar = FormPolicy(max_bytes=32 * MIB)
    body_timeout: ClassVar[float] = 5.0

    async def post(self, form: Upload) -> int:
        return sum([form.file.size] if form.file else [each.size for each in form.files])


async def status_of(chunks: Iterable[bytes], content_type: bytes) -> int:
    """Returns the status for a body that is made while it is sent."""
    sent = await answer_to(Uploads(), [(b"content-type", content_type)], body(chunks))
    return int(sent[0]["status"])


async def serve(endpoint: Endpoint, receive: Receive, send: Send) -> None:
    app = Application(endpoint)
    async with app.lifespan():
        await app(http_scope("POST", headers=[(b"content-type", MULTIPART)]), receive, send)


def body(chunks: Iterable[bytes]) -> Iterator[Message]:
    for chunk in chunks:
        yield {"type": "http.request", "body": chunk, "more_body": True}
    yield {"type": "http.request", "body": b"", "more_body": False}


def repeated(begin: bytes, chunk: bytes, size: int, end: bytes = b"") -> Iterator[bytes]:
    """Yields a body of about `size` bytes."""
    yield begin
    for _ in range(size // len(chunk)):
        yield chunk
    yield end


PEAK = 8 * MIB


@pytest.mark.parametrize(
    ("chunks", "content_type", "status"),
    [
        (repeated(b"", b"--edge\r\n" + field(b"a", b"") + b"\r\n", 3 * MIB), MULTIPART, 413),
        (repeated(b"", b"--edge\r\n" + file(b"files", b"a", b"b") + b"\r\n", 3 * MIB), MULTIPART, 413),
        (repeated(b"--edge\r\n", b"A" * 65_536, 3 * MIB), MULTIPART, 400),
        (repeated(b"--edge\r\nA: ", b"b" * 65_536, 3 * MIB), MULTIPART, 400),
        (repeated(b"--edge\r\nA:", b" " * 65_536, 3 * MIB), MULTIPART, 400),
        (repeated(b"--edge\r\n", b"A: b\r\n" * 10_000, 3 * MIB), MULTIPART, 400),
        (repeated(b"", b"\r\n" * 32_768, 33 * MIB), MULTIPART, 413),
        (repeated(b"--edge--", PART, 33 * MIB), MULTIPART, 413),
        (repeated(b"--edge\r\n" + field(b"text", b""), PART, 33 * MIB), MULTIPART, 413),
        (repeated(b"--edge\r\n" + field(b"unknown", b""), PART, 33 * MIB), MULTIPART, 413),
        (repeated(b"--edge\r\n" + file(b"unknown", b"a", b""), PART, 33 * MIB), MULTIPART, 413),
        (repeated(b"", b"&", 10_000, b"text=a"), URLENCODED, 200),
        (repeated(b"", b"&" * 65_536, 33 * MIB), URLENCODED, 413),
        (repeated(b"", b"a" * 65_536, 33 * MIB), URLENCODED, 413),
        (repeated(b"text=", b"%41" * 20_000, 33 * MIB), URLENCODED, 413),
        (repeated(b"", b"a=&" * 20_000, 33 * MIB), URLENCODED, 413),
    ],
    ids=[
        *("tiny fields", "tiny files", "a long header name", "a long header value", "space in a header"),
        *("many headers", "line breaks", "an endless epilogue", "a long text", "a long unknown text"),
        *("an unknown file", "separators one by one", "many separators", "a long name"),
        *("an encoded text", "tiny urlencoded fields"),
    ],
)
async def test_a_hostile_form_takes_little_memory(
    disk: Disk, chunks: Iterator[bytes], content_type: bytes, status: int
) -> None:
    tracemalloc.start()
    try:
        assert await status_of(chunks, content_type) == status
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < PEAK
    assert len(disk.files) <= 1
    assert disk.is_clean()


class Large(Endpoint, path="/"):
    form_policy: ClassVar = FormPolicy(max_bytes=65 * MIB)

    async def post(self, form: Upload) -> StreamingResponse:
        assert form.file is not None
        return StreamingResponse(stream=form.file.chunks())


async def test_a_large_file_takes_little_memory_on_its_way_in_and_out(disk: Disk) -> None:
    pending = body(repeated(b"--edge\r\n" + file(b"file", b"a", b""), PART, 64 * MIB, b"\r\n--edge--"))
    size = 0

    async def receive() -> Message:
        return next(pending, None) or await asyncio.get_running_loop().create_future()

    async def send(message: Message) -> None:
        nonlocal size
        size += len(message.get("body", b""))

    tracemalloc.start()
    try:
        await serve(Large(), receive, send)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 64 * MIB
    assert peak < PEAK
    assert disk.files
    assert disk.is_clean()


async def test_a_large_body_in_one_message_leaves_turns_to_others() -> None:
    """Hypercorn and granian may pass on a body as a whole: 3 MiB of false boundaries take more than a second."""
    turns = 0
    is_over = False

    async def count() -> None:
        nonlocal turns
        while not is_over:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    content = b"--edge\r\n" + file(b"unknown", b"a", PART * 16)
    assert await status_of([content], MULTIPART) == 400
    is_over = True
    await counting
    assert turns >= len(content) // WINDOW_BYTES


class Impatient(Uploads, path="/"):
    body_timeout: ClassVar[float] = 0.01


async def test_a_form_that_falls_silent_is_refused_and_leaves_nothing(disk: Disk) -> None:
    sent: list[Message] = []
    parts = list(body([b"--edge\r\n" + file(b"file", b"a", PART * 20), b"more"]))[:2]

    async def receive() -> Message:
        if not parts:
            await asyncio.get_running_loop().create_future()
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await serve(Impatient(), receive, send)
    assert sent[0]["status"] == 408
    assert disk.files
    assert disk.is_clean()


def test_a_slow_form_is_answered() -> None:
    whole = multipart(field(b"text", b"a"))
    parts = [whole[:20], whole[20:40], whole[40:]]

    async def receive() -> Message:
        await asyncio.sleep(4)
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def test() -> None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        await serve(Uploads(), receive, send)
        assert sent[0]["status"] == 200

    skip_time(test())
