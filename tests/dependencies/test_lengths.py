"""A dependency is open for the length of a request, or of its stream, and its end is seen by the client."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import Struct

from jero import (
    BaseApp,
    Conflict,
    Endpoint,
    JSONResponse,
    NDJSONStreamingResponse,
    Request,
    StreamPolicy,
    Unauthorized,
)
from jero.auth import HTTPScheme
from jero.errors import ClientDisconnected, UnfinishedBody
from jero.testing import AsyncTestClient
from tests.dependencies.recorded import (
    STREAMS,
    WHOLE,
    Call,
    LifecycleEndpoint,
    ListEndpoint,
    ManagerEndpoint,
    Record,
    RecordedApp,
    Session,
)

KINDS = [pytest.param(kind, id=f"{kind.path}"[1:]) for kind in STREAMS]
WHOLE_KINDS = [pytest.param(kind, id=f"{kind.path}"[1:]) for kind in WHOLE]


async def ask(record: Record, kind: type[Endpoint], **options: Any) -> tuple[Call, BaseException | None]:
    """Returns the call of an endpoint when it has ended, and what it raised."""
    app = RecordedApp(record, kind(), **options)
    async with app.lifespan():
        call = Call(app, record, str(kind.path)).start()
        return call, await call.ended()


def without_repeats(notes: list[str]) -> list[str]:
    return [note for number, note in enumerate(notes) if notes[:number][-1:] != [note]]


@pytest.mark.parametrize("kind", [*KINDS, pytest.param(ListEndpoint, id="list")])
async def test_a_stream_is_committed_after_its_last_item_and_before_its_end(kind: type[Endpoint]) -> None:
    record = Record()
    record.pauses = 2
    call, error = await ask(record, kind)
    assert error is None
    assert call.status == 200
    middle = ["start", "body"] if kind is ListEndpoint else None
    notes = without_repeats(record.notes)
    assert notes[:3] == ["opening", "open", "handler"]
    assert notes[-2:] == ["committed", "end"] or notes[-3:] == ["committed", "body", "end"]  # the closing of an array
    assert record.notes.index("committed") > record.notes.index("body")
    assert middle is None or notes[3:5] == middle
    if kind in (LifecycleEndpoint, ManagerEndpoint):
        assert record.notes.index("source left") < record.notes.index("committed")
    if kind is not ListEndpoint:
        assert record.notes.index("source closed") < record.notes.index("committed")
    assert record.outcomes[0].reason == "completed"


@pytest.mark.parametrize("kind", KINDS)
async def test_one_task_opens_the_dependency_runs_the_handler_and_closes(kind: type[Endpoint]) -> None:
    record = Record()
    record.pauses = 1
    await ask(record, kind)
    assert len(record.owners) == 3
    assert len(set(record.owners)) == 1


@pytest.mark.parametrize("kind", WHOLE_KINDS)
async def test_a_whole_answer_is_committed_before_its_first_byte(kind: type[Endpoint]) -> None:
    record = Record()
    call, error = await ask(record, kind)
    assert error is None
    assert b"012" in call.body
    assert record.notes == ["opening", "open", "handler", "committed", "start", "body", "end"]
    assert len(set(record.owners)) == 1


@pytest.mark.parametrize("kind", [*KINDS, *WHOLE_KINDS])
async def test_an_error_of_the_handler_rolls_back_before_it_is_answered(kind: type[Endpoint]) -> None:
    record = Record()
    record.handler_error = Conflict("no")
    call, error = await ask(record, kind)
    assert error is None
    assert call.status == 409
    assert record.notes == ["opening", "open", "handler", "rolled back: Conflict", "start", "body", "end"]


@pytest.mark.parametrize("kind", [*KINDS, *WHOLE_KINDS])
async def test_an_error_of_the_opening_is_answered(kind: type[Endpoint]) -> None:
    record = Record()
    record.pauses = 1
    record.open_error = Conflict("no connection")
    call, error = await ask(record, kind)
    assert error is None
    assert call.status == 409
    assert record.notes == ["opening", "start", "body", "end"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_whose_source_fails_is_rolled_back_and_cut(kind: type[Endpoint]) -> None:
    record = Record()
    record.source_error = ValueError("lost")
    call, error = await ask(record, kind, stream_policy=StreamPolicy(chunk_bytes=1))
    assert isinstance(error, UnfinishedBody) or call.body.endswith(b"}\n\n")
    assert record.notes.count("rolled back: ValueError") == 1
    assert "committed" not in record.notes
    assert record.outcomes[0].error is record.source_error


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_whose_client_leaves_is_rolled_back(kind: type[Endpoint]) -> None:
    record = Record()
    record.holds = True
    app = RecordedApp(record, kind(), stream_policy=StreamPolicy(chunk_bytes=1))
    async with app.lifespan():
        call = Call(app, record, str(kind.path)).start()
        await record.until("body")
        call.leave()
        await call.ended()
    assert record.notes.count("rolled back: disconnected") == 1
    assert not call.has_ended
    assert "committed" not in record.notes


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_that_a_shutdown_ends_is_rolled_back(kind: type[Endpoint]) -> None:
    record = Record()
    record.holds = True
    app = RecordedApp(record, kind(), stream_policy=StreamPolicy(chunk_bytes=1, drain_timeout=0.01))
    async with app.lifespan():
        call = Call(app, record, str(kind.path)).start()
        await record.until("body")
        await app.drain()
        await call.ended()
    assert record.notes.count("rolled back: shutdown") == 1
    assert "committed" not in record.notes


@pytest.mark.parametrize("kind", [*KINDS, pytest.param(ListEndpoint, id="list")])
async def test_a_commit_that_fails_cuts_the_stream(kind: type[Endpoint]) -> None:
    record = Record()
    record.close_error = ValueError("serialization failure")
    call, error = await ask(record, kind)
    assert isinstance(error, UnfinishedBody) or b"internal-server-error" in call.body
    assert b"9" not in call.body, "the item `last` is for streams that complete"
    assert record.outcomes[0].error is record.close_error
    assert "committed" not in record.notes


@pytest.mark.parametrize("kind", WHOLE_KINDS)
async def test_a_commit_that_fails_is_the_status_of_a_whole_answer(kind: type[Endpoint]) -> None:
    record = Record()
    record.close_error = Conflict("somebody was faster")
    call, error = await ask(record, kind)
    assert error is None
    assert call.status == 409


async def test_a_commit_that_fails_is_the_status_of_a_stream_without_items() -> None:
    class EmptyEndpoint(Endpoint, path="/empty"):
        async def get(self, session: Session) -> NDJSONStreamingResponse[int]:
            return NDJSONStreamingResponse(stream=[])

    record = Record()
    record.close_error = Conflict("somebody was faster")
    call, error = await ask(record, EmptyEndpoint)
    assert error is None
    assert call.status == 409


@pytest.mark.parametrize("kind", [*KINDS, *WHOLE_KINDS])
async def test_a_commit_that_does_not_end_is_cancelled_after_the_teardown_timeout(kind: type[Endpoint]) -> None:
    class Stuck(Record):
        async def session(self) -> AsyncIterator[Session]:
            yield Session(self)
            await asyncio.get_running_loop().create_future()

    call, error = await ask(Stuck(), kind, stream_policy=StreamPolicy(teardown_timeout=0.01))
    assert error is None or isinstance(error, UnfinishedBody)
    assert call.status == 500 or not call.has_ended or b"internal-server-error" in call.body


@pytest.mark.parametrize("kind", [*KINDS, *WHOLE_KINDS])
async def test_head_answers_with_the_headers_alone(kind: type[Endpoint]) -> None:
    record = Record()
    app = RecordedApp(record, kind())
    async with app.lifespan():
        call = Call(app, record, str(kind.path), "HEAD").start()
        assert await call.ended() is None
    assert (call.status, call.body) == (200, b"")
    notes = [note for note in record.notes if note != "source closed"]
    if kind.path == "/generator":  # none of its code runs
        assert notes == ["start", "end"]
    else:
        assert notes == ["opening", "open", "handler", "committed", "start", "end"]


class Body(Struct):
    name: str


class Nobody:
    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, request: Request) -> str:
        if "authorization" not in request.headers:
            raise Unauthorized
        return "somebody"


class OrderedEndpoint(Endpoint, path="/ordered"):
    async def post(self, user: str, json: Body, session: Session) -> AsyncIterator[int]:
        session.begin()
        async for number in session.numbers():
            yield number


class OrderedApp(BaseApp):
    def __init__(self, record: Record) -> None:
        super().__init__(stream_policy=StreamPolicy(max_concurrent=1))
        self.record = record

    async def _wire(self) -> None:
        self._include_dependency(self.record.session)
        self._include_endpoint(OrderedEndpoint(), auth=Nobody())


JSON = [(b"content-type", b"application/json"), (b"content-length", b"12")]
KNOWN = [*JSON, (b"authorization", b"a")]


async def test_a_dependency_is_opened_after_the_caller_the_body_and_the_place_are_known() -> None:
    record = Record()
    record.holds = True
    app = OrderedApp(record)
    async with app.lifespan():
        refused = Call(app, record, "/ordered", "POST", JSON).start()
        refused.give(b'{"name":"a"}')
        await refused.ended()
        assert refused.status == 401
        wrong = Call(app, record, "/ordered", "POST", KNOWN).start()
        wrong.give(b'{"name":1}  ')
        await wrong.ended()
        assert wrong.status == 422
        silent = Call(app, record, "/ordered", "POST", KNOWN).start()
        for _ in range(10):
            await asyncio.sleep(0)
        assert set(record.notes) == {"start", "body", "end"}
        silent.give(b'{"name":"a"}')
        await record.until("open")
        opened = record.notes.count("opening")
        second = Call(app, record, "/ordered", "POST", KNOWN).start()
        second.give(b'{"name":"a"}')
        await second.ended()
        assert second.status == 503
        assert record.notes.count("opening") == opened == 1
        silent.leave()
        await silent.ended()


@pytest.mark.parametrize("path", ["/generator", "/watched", "/watched-stream"])
async def test_a_client_that_leaves_while_a_dependency_is_opened_ends_that(path: str) -> None:
    class Waiting(Record):
        async def session(self) -> AsyncIterator[Session]:
            self.note("opening")
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.note("given up")
            yield Session(self)

    record = Waiting()
    app = RecordedApp(record)
    async with app.lifespan():
        call = Call(app, record, path).start()
        await record.until("opening")
        call.leave()
        assert await call.ended() is None
    assert record.notes == ["opening", "given up"]


class LimitedEndpoint(Endpoint, path="/limited"):
    handler_timeout = 0.01

    async def get(self, session: Session) -> str:
        return "never"

    async def put(self, session: Session) -> JSONResponse[str] | NDJSONStreamingResponse[int]:
        return JSONResponse(content="never")


class LimitedAndWatchedEndpoint(LimitedEndpoint, path="/limited"):
    cancel_on_disconnect = True


@pytest.mark.parametrize("kind", [LimitedEndpoint, LimitedAndWatchedEndpoint])
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_handler_whose_dependency_is_not_opened_in_time_is_answered_with_504(
    kind: type[Endpoint], method: str
) -> None:
    class Exhausted(Record):
        async def session(self) -> AsyncIterator[Session]:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.note("given up")
            yield Session(self)

    record = Exhausted()
    app = RecordedApp(record, kind())
    async with app.lifespan():
        call = Call(app, record, "/limited", method).start()
        assert await call.ended() is None
    assert call.status == 504
    assert record.notes == ["given up", "start", "body", "end"]


async def test_a_handler_that_is_cancelled_by_its_client_rolls_back() -> None:
    class WaitingEndpoint(Endpoint, path="/waiting"):
        cancel_on_disconnect = True

        async def get(self, session: Session) -> str:
            session.begin()
            await asyncio.get_running_loop().create_future()
            return "never"

    record = Record()
    app = RecordedApp(record, WaitingEndpoint())
    async with app.lifespan():
        call = Call(app, record, "/waiting").start()
        await record.until("handler")
        call.leave()
        assert await call.ended() is None
    assert record.notes == ["opening", "open", "handler", f"rolled back: {ClientDisconnected.__name__}"]


async def test_each_dependency_is_left_even_if_another_one_fails(caplog: pytest.LogCaptureFixture) -> None:
    class Outer:
        pass

    record = Record()
    record.close_error = ValueError("the inner one")
    left: list[type[BaseException] | None] = []

    async def outer() -> AsyncIterator[Outer]:
        try:
            yield Outer()
        except BaseException as error:
            left.append(type(error))
            raise
        left.append(None)

    class BothEndpoint(Endpoint, path="/both"):
        async def get(self, outer: Outer, session: Session) -> str:
            return "both"

        async def post(self, outer: Outer, session: Session) -> NDJSONStreamingResponse[int]:
            return NDJSONStreamingResponse(stream=session.numbers())

    class BothApp(RecordedApp):
        async def _wire(self) -> None:
            await super()._wire()
            self._include_dependency(outer)

    with caplog.at_level(logging.CRITICAL):
        async with AsyncTestClient(BothApp(record, BothEndpoint())) as client:
            assert (await client.get("/both")).status_code == 500
            with pytest.raises(Exception, match=r"."):
                await client.post("/both")
    assert left == [ValueError, ValueError]


async def test_a_handler_with_a_dependency_reads_a_body_as_it_arrives() -> None:
    class EchoEndpoint(Endpoint, path="/echo"):
        async def post(self, items: AsyncIterator[int], session: Session) -> AsyncIterator[int]:
            async for item in items:
                session.record.note(f"item {item}")
                yield item

    record = Record()
    app = RecordedApp(record, EchoEndpoint(), stream_policy=StreamPolicy(chunk_bytes=1))
    async with app.lifespan():
        headers = [(b"content-type", b"application/x-ndjson"), (b"transfer-encoding", b"chunked")]
        call = Call(app, record, "/echo", "POST", headers).start()
        call.give(b"1\n", more_body=True)
        await record.until("body")
        assert record.notes == ["opening", "open", "item 1", "start", "body"]
        call.give(b"2\n")
        assert await call.ended() is None
    assert call.body == b"1\n2\n"
    assert record.notes[-2:] == ["committed", "end"]
