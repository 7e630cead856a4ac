"""Handlers that take a form, its files and a dependency: what is opened and closed in which order, however they end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from msgspec import Struct

from jero import (
    Conflict,
    Endpoint,
    FormPolicy,
    JSONResponse,
    NDJSONStreamingResponse,
    Request,
    StreamingResponse,
    UploadFile,
)
from jero.binding import spool
from jero.binding.spool import MEMORY_BYTES
from jero.contract.dependencies import Dependencies
from jero.contract.operation import resolved
from jero.errors import UnfinishedBody
from tests.dependencies.recorded import Call, Record, RecordedApp, Session
from tests.forms.bodies import MULTIPART, field, file, multipart
from tests.forms.disk import Disk, TemporaryFile
from tests.garbage import garbage
from tests.openapi.documents import decoded, operations

CONTENT = bytes(MEMORY_BYTES + 100_000)
BODY = multipart(file(b"file", b"a.bin", CONTENT), field(b"title", b"Emma"))
HEADERS = [(b"content-type", MULTIPART), (b"content-length", b"%d" % len(BODY))]


class Upload(Struct):
    file: UploadFile
    title: str


class Uploads(Endpoint):
    """Its handlers read the file, and wait if the record `holds`."""

    form_policy = FormPolicy(max_bytes=4 * MEMORY_BYTES)

    async def work(self, form: Upload, session: Session) -> int:
        session.begin()
        if session.record.holds:
            await asyncio.get_running_loop().create_future()
        return len(await form.file.read())

    async def numbers(self, form: Upload, session: Session) -> AsyncIterator[int]:
        async for number in session.numbers():
            yield number
        await form.file.read(1)  # still open


class Plain(Uploads, path="/plain"):
    async def post(self, form: Upload, session: Session) -> int:
        return await self.work(form, session)


class Watched(Plain, path="/watched"):
    cancel_on_disconnect = True


class Limited(Plain, path="/limited"):
    handler_timeout = 0.01


class WatchedAndLimited(Plain, path="/watched-and-limited"):
    cancel_on_disconnect = True
    handler_timeout = 0.01


class WholeOrStream(Uploads, path="/whole"):
    async def post(self, form: Upload, session: Session) -> JSONResponse[int] | NDJSONStreamingResponse[int]:
        return JSONResponse(content=await self.work(form, session))


class LimitedWhole(WholeOrStream, path="/limited-whole"):
    handler_timeout = 0.01


class WatchedWhole(WholeOrStream, path="/watched-whole"):
    cancel_on_disconnect = True


class Generator(Uploads, path="/generator"):
    async def post(self, form: Upload, session: Session) -> AsyncIterator[int]:
        session.begin()
        async for number in self.numbers(form, session):
            yield number


class Returned(Uploads, path="/returned"):
    async def post(self, form: Upload, session: Session) -> NDJSONStreamingResponse[int]:
        session.begin()
        return NDJSONStreamingResponse(stream=self.numbers(form, session))


class WatchedStream(Returned, path="/watched-stream"):
    cancel_on_disconnect = True
    handler_timeout = 60


class Threaded(Uploads, path="/threaded"):
    async def post(self, form: Upload, session: Session) -> StreamingResponse:
        session.begin()
        return StreamingResponse(stream=(b"%d" % number for number in session.numbers_in_thread()))


PLAIN = [Plain, Watched, WholeOrStream, WatchedWhole]
STREAMS = [Generator, Returned, WatchedStream, Threaded]
LIMITED = [Limited, WatchedAndLimited, LimitedWhole]


class NotedFile(TemporaryFile):
    """A temporary file that writes its opening and its closing in a record."""

    def __init__(self, disk: Disk, record: Record) -> None:
        super().__init__(disk)
        self._record = record
        record.notes.append("file opened")

    def close(self) -> None:
        super().close()
        self._record.notes.append("file closed")


@pytest.fixture
def record(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Record:
    record, disk = Record(), Disk(tmp_path_factory.mktemp("disk"))
    monkeypatch.setattr(spool, "TemporaryFile", lambda: NotedFile(disk, record))
    return record


async def send_form(app: RecordedApp, path: Any, *, complete: bool = True) -> Call:
    """Sends the form, or all but its last bytes, which the client still owes."""
    call = Call(app, app.record, str(path), "POST", HEADERS).start()
    call.give(BODY[:-10], more_body=True)
    if complete:
        call.give(BODY[-10:])
    return call


async def notes_of(kind: type[Uploads], record: Record, until: str = "", end: Callable[[Call], Any] = str) -> list[str]:
    """Returns what happens to a form. Calls `end` when `until` has been noted."""
    app = RecordedApp(record, kind())
    async with app.lifespan():
        call = await send_form(app, kind.path)
        if until:
            await record.until(until)
        end(call)
        with suppress(UnfinishedBody, asyncio.CancelledError):
            await call.task
    assert len(set(record.owners)) == 1
    return [note for note in record.notes if note != "body"]


@pytest.mark.parametrize("kind", PLAIN)
async def test_a_whole_answer_is_committed_and_sent_and_then_its_files_are_closed(
    kind: type[Uploads], record: Record
) -> None:
    notes = await notes_of(kind, record)
    assert notes == ["file opened", "opening", "open", "handler", "committed", "start", "end", "file closed"]


@pytest.mark.parametrize("kind", STREAMS)
async def test_a_stream_is_committed_before_its_end_and_its_files_are_closed_after_it(
    kind: type[Uploads], record: Record
) -> None:
    notes = await notes_of(kind, record)
    assert notes[:4] == ["file opened", "opening", "open", "handler"]
    assert notes.index("source closed") < notes.index("committed")
    assert notes[-3:] == ["committed", "end", "file closed"]
    assert record.outcomes[0].reason == "completed"


@pytest.mark.parametrize("kind", [*PLAIN, *STREAMS])
async def test_a_client_that_leaves_in_the_middle_of_its_upload_opens_no_dependency(
    kind: type[Uploads], record: Record
) -> None:
    app = RecordedApp(record, kind())
    async with app.lifespan():
        call = await send_form(app, kind.path, complete=False)
        call.leave()
        await call.task
    assert record.notes == ["file opened", "file closed"]
    assert not record.owners


@pytest.mark.parametrize("kind", STREAMS)
async def test_a_client_that_leaves_its_stream_rolls_back_before_the_files_are_closed(
    kind: type[Uploads], record: Record
) -> None:
    record.holds = True
    notes = await notes_of(kind, record, "body", Call.leave)
    assert notes[-3:] == ["source closed", "rolled back: disconnected", "file closed"]
    assert "end" not in notes


@pytest.mark.parametrize("kind", [Watched, WatchedWhole, WatchedAndLimited])
async def test_a_client_that_leaves_a_handler_rolls_back_before_the_files_are_closed(
    kind: type[Uploads], record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "handler_timeout", 60.0 if kind.handler_timeout else None)
    record.holds = True
    notes = await notes_of(kind, record, "handler", Call.leave)
    assert notes == ["file opened", "opening", "open", "handler", "rolled back: ClientDisconnected", "file closed"]


@pytest.mark.parametrize("kind", [*PLAIN, WatchedStream])
async def test_a_request_that_is_cancelled_rolls_back_before_the_files_are_closed(
    kind: type[Uploads], record: Record
) -> None:
    record.holds = True
    until = "body" if kind in STREAMS else "handler"
    notes = await notes_of(kind, record, until, lambda call: call.task.cancel())
    reason = "disconnected" if kind in STREAMS else "CancelledError"
    assert [note for note in notes if note not in ("start", "source closed")] == [
        *("file opened", "opening", "open", "handler"),
        f"rolled back: {reason}",
        "file closed",
    ]


@pytest.mark.parametrize("kind", [*PLAIN, Returned, WatchedStream, Threaded])
async def test_a_handler_that_fails_rolls_back_before_it_is_answered(kind: type[Uploads], record: Record) -> None:
    record.handler_error = Conflict()
    notes = await notes_of(kind, record)
    rolled_back = f"rolled back: {Conflict.__name__}"
    assert notes == ["file opened", "opening", "open", "handler", rolled_back, "file closed", "start", "end"]


@pytest.mark.parametrize("kind", LIMITED)
async def test_a_handler_that_takes_too_long_rolls_back(kind: type[Uploads], record: Record) -> None:
    record.holds = True
    notes = await notes_of(kind, record)
    rolled_back = "rolled back: GatewayTimeout"
    assert notes == ["file opened", "opening", "open", "handler", rolled_back, "file closed", "start", "end"]


async def test_an_exception_handler_gets_the_request_when_all_is_closed(record: Record) -> None:
    def answer(error: ValueError, request: Request) -> JSONResponse[str]:
        record.note(f"answer to {request.path}: {error}")
        return JSONResponse(content="no", status_code=418)

    class App(RecordedApp):
        async def _wire(self) -> None:
            self._include_dependency(self.record.session)
            self._include_endpoint(Plain(), exception_handlers={ValueError: answer})

    record.close_error = ValueError("the commit fails")
    app = App(record)
    async with app.lifespan():
        call = await send_form(app, "/plain")
        await call.task
    assert call.status == 418
    assert record.notes[-5:] == ["file closed", "answer to /plain: the commit fails", "start", "body", "end"]


def leave(call: Call) -> None:
    call.leave()


def cancel(call: Call) -> None:
    call.task.cancel()


def wait(call: Call) -> None:
    """Lets the request end by itself."""


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        (Plain, wait),
        (WatchedWhole, leave),
        (Watched, leave),
        (Plain, cancel),
        (WatchedWhole, cancel),
        (Limited, wait),
        (LimitedWhole, wait),
        (Generator, wait),
        (Generator, leave),
        (Returned, cancel),
    ],
)
async def test_a_form_with_a_dependency_leaves_nothing_to_the_collector(
    kind: type[Uploads], end: Callable[[Call], None]
) -> None:
    record = Record()
    app = RecordedApp(record, kind())
    body = multipart(file(b"file", b"a", b"a"), field(b"title", b"Emma"))

    async def once() -> None:
        record.notes.clear()
        record.owners.clear()
        record.outcomes.clear()
        record.holds = end is not wait or kind in LIMITED
        call = Call(app, record, str(kind.path), "POST", [(b"content-type", MULTIPART)]).start()
        call.give(body)
        await record.until("body" if kind in STREAMS else "handler")
        end(call)
        with suppress(asyncio.CancelledError, UnfinishedBody):
            await call.task
        record.owners.clear()
        record.outcomes.clear()

    async with app.lifespan():
        assert await garbage(once) == 0


def test_the_document_has_the_form_and_what_the_dependency_takes() -> None:
    class Tracing(Struct):
        x_trace: str

    async def traced(headers: Tracing) -> AsyncIterator[Session]:
        yield Session(Record())

    included = Dependencies()
    included.add(traced, None)
    [read] = operations(Limited())
    operation = decoded([resolved(read, included)])["paths"]["/limited"]["post"]
    assert [(found["name"], found["in"]) for found in operation["parameters"]] == [("x-trace", "header")]
    assert list(operation["requestBody"]["content"]) == ["multipart/form-data"]
    assert {"200", "400", "413", "415", "422", "504"} <= set(operation["responses"])
