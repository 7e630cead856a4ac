"""The files of a form are closed and deleted with its answer, with its stream, and whenever something fails."""

import asyncio
import errno
import threading
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

import pytest
from msgspec import Struct

from jero import Endpoint, FormPolicy, NDJSONStreamingResponse, StreamingResponse, StreamPolicy, UploadFile
from jero.binding.spool import MEMORY_BYTES, Spool
from jero.http.asgi import Message
from jero.testing import AsyncTestClient
from tests.application import Application, call, http_scope
from tests.forms.bodies import MULTIPART, URLENCODED, answer_to, field, file, multipart
from tests.forms.disk import Disk
from tests.garbage import garbage

CONTENT = bytes(2 * MEMORY_BYTES)
BODY = multipart(file(b"file", b"a.bin", CONTENT))
HEADERS = [(b"content-type", MULTIPART)]


class Upload(Struct):
    file: UploadFile


class Text(Struct):
    text: str


class Numbered(Struct):
    file: UploadFile
    number: int


class Uploads(Endpoint, path="/"):
    """Keeps each form, so that a test sees what became of it."""

    form_policy: ClassVar = FormPolicy(max_bytes=4 * MEMORY_BYTES)
    stream_policy: ClassVar = StreamPolicy(max_concurrent=1)

    def __init__(self) -> None:
        self.forms: list[Upload] = []
        self.ended = asyncio.Event()

    async def post(self, form: Upload) -> int:
        self.forms.append(form)
        return len(await form.file.read())

    async def put(self, form: Upload) -> StreamingResponse:
        self.forms.append(form)
        return StreamingResponse(stream=self._chunks(form))

    async def _chunks(self, form: Upload) -> AsyncIterator[bytes]:
        try:
            async for chunk in form.file.chunks():
                yield chunk
        finally:
            await form.file.read(1)  # still open
            self.ended.set()

    async def patch(self, form: Numbered) -> int:
        raise RuntimeError("the handler fails")

    async def delete(self, form: Upload) -> NDJSONStreamingResponse[int]:
        self.forms.append(form)
        return NDJSONStreamingResponse(stream=self._sizes(form))

    def _sizes(self, form: Upload) -> Iterator[int]:
        with form.file.open() as opened:
            while chunk := opened.read(MEMORY_BYTES):
                yield len(chunk)

    async def is_closed(self) -> bool:
        """Returns whether the form that was sent can no longer be read."""
        [form] = self.forms
        with pytest.raises(ValueError, match="closed, because its request was answered"):
            await form.file.read()
        return True


def messages(*chunks: bytes, more_body: bool = True) -> list[Message]:
    return [{"type": "http.request", "body": chunk, "more_body": more_body} for chunk in chunks]


async def test_a_plain_answer_closes_them(disk: Disk) -> None:
    uploads = Uploads()
    async with AsyncTestClient(Application(uploads)) as client:
        assert (await client.post("/", files={"file": CONTENT})).json() == len(CONTENT)
        assert disk.files
        assert disk.is_clean()
        assert await uploads.is_closed()


async def test_a_file_in_memory_is_closed_too(disk: Disk) -> None:
    uploads = Uploads()
    async with AsyncTestClient(Application(uploads)) as client:
        assert (await client.post("/", files={"file": b"a"})).json() == 1
        assert await uploads.is_closed()


async def test_a_stream_reads_them_and_then_closes_them(disk: Disk) -> None:
    uploads = Uploads()
    async with (
        AsyncTestClient(Application(uploads)) as client,
        client.stream("PUT", "/", files={"file": CONTENT}) as answer,
    ):
        chunks = answer.aiter_bytes()
        received = await anext(chunks)
        assert not disk.is_clean()
        received += b"".join([chunk async for chunk in chunks])
    assert received == CONTENT
    assert disk.is_clean()
    assert await uploads.is_closed()


async def test_a_synchronous_stream_reads_them_in_its_thread(disk: Disk) -> None:
    uploads = Uploads()
    async with AsyncTestClient(Application(uploads)) as client:
        answer = await client.request("DELETE", "/", files={"file": CONTENT})
    assert answer.text == f"{MEMORY_BYTES}\n{MEMORY_BYTES}\n"
    assert disk.is_clean()
    assert await uploads.is_closed()


async def test_a_client_that_leaves_the_stream_closes_them(disk: Disk) -> None:
    uploads = Uploads()
    async with AsyncTestClient(Application(uploads)) as client:
        async with client.stream("PUT", "/", files={"file": CONTENT}) as answer:
            await anext(answer.aiter_bytes())
            assert not disk.is_clean()
        assert uploads.ended.is_set()
        assert disk.is_clean()


async def test_a_client_that_leaves_in_the_middle_of_its_upload_leaves_nothing(disk: Disk) -> None:
    parts = messages(BODY[: MEMORY_BYTES + 100_000], BODY[MEMORY_BYTES + 100_000 : -100])
    sent = await answer_to(Uploads(), HEADERS, [*parts, {"type": "http.disconnect"}])
    assert not sent
    assert disk.files
    assert disk.is_clean()


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [
        ("PATCH", BODY, 422),
        (
            "PATCH",
            multipart(file(b"file", b"a", CONTENT), b"Content-Disposition: form-data; name=number\r\n\r\n1"),
            500,
        ),
        ("POST", BODY[:-1], 400),
        ("POST", BODY[:-2] + b"\r\n" + BODY, 413),
        ("POST", BODY[:-2] + b"\r\nA: b\r\n\r\n", 400),
    ],
    ids=[
        "a field is missing",
        "the handler fails",
        "the body is cut",
        "the body is too large",
        "the body is malformed",
    ],
)
async def test_a_failure_closes_them(disk: Disk, method: str, body: bytes, status: int) -> None:
    parts = messages(body[: MEMORY_BYTES + 100_000], body[MEMORY_BYTES + 100_000 :]) + messages(b"", more_body=False)
    sent = await answer_to(Uploads(), HEADERS, parts, method)
    assert sent[0]["status"] == status
    assert disk.files
    assert disk.is_clean()


async def test_a_full_disk_is_a_fault_of_the_server(disk: Disk) -> None:
    def fill() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    disk.before_write = fill
    async with AsyncTestClient(Application(Uploads())) as client:
        assert (await client.post("/", files={"file": CONTENT})).status_code == 500
    assert disk.files
    assert disk.is_clean()


async def test_a_request_that_is_cancelled_while_it_writes_leaves_nothing(disk: Disk) -> None:
    loop, is_writing, may_go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def wait() -> None:
        loop.call_soon_threadsafe(is_writing.set)
        may_go_on.wait()

    disk.before_write = wait
    running = asyncio.create_task(answer_to(Uploads(), HEADERS, messages(BODY, more_body=False)))
    await is_writing.wait()
    running.cancel()
    loop.call_later(0.01, may_go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert disk.is_clean()


async def test_a_write_that_comes_after_the_end_does_nothing(disk: Disk) -> None:
    """A request that is cancelled may close its files before a thread has begun to write."""
    spool = Spool()
    await spool.close()
    spool.add(CONTENT)
    await spool.flush()
    assert not disk.files


async def test_an_upload_takes_no_place_of_a_stream(disk: Disk) -> None:
    """`max_concurrent` is 1: the other request is answered while the upload waits."""
    uploads = Uploads()
    app = Application(uploads)
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield BODY[:-10]
        has_begun.set()
        await may_end.wait()
        yield BODY[-10:]

    async with AsyncTestClient(app) as client:
        headers = {"Content-Type": MULTIPART.decode()}
        slow = asyncio.create_task(client.put("/", content=body(), headers=headers))
        await has_begun.wait()
        assert (await client.put("/", files={"file": b"a"})).content == b"a"
        may_end.set()
        assert (await slow).content == CONTENT


class Texts(Endpoint, path="/"):
    async def post(self, form: Text) -> str:
        return form.text


@pytest.mark.parametrize(
    ("content_type", "parts"),
    [
        (MULTIPART, messages(multipart(field(b"text", b"a")), more_body=False)),
        (MULTIPART, messages(multipart(field(b"text", b"a"))[:-1], more_body=False)),
        (MULTIPART, messages(multipart(b"A\r\n\r\n"), more_body=False)),
        (MULTIPART, [*messages(multipart(field(b"text", b"a"))[:-1]), {"type": "http.disconnect"}]),
        (URLENCODED, messages(b"text=a", more_body=False)),
        (URLENCODED, messages(b"text=%ff", more_body=False)),
        (URLENCODED, messages(b"other=a", more_body=False)),
    ],
    ids=["read", "cut", "malformed", "left", "urlencoded", "not in UTF-8", "a field is missing"],
)
async def test_a_form_leaves_nothing_to_the_collector(content_type: bytes, parts: list[Message]) -> None:
    app = Application(Texts())
    scope = http_scope("POST", headers=[(b"content-type", content_type)])

    async def once() -> None:
        await call(app, dict(scope), parts)

    async with app.lifespan():
        assert await garbage(once) == 0
