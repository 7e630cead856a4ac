"""A handler of an endpoint with `cancel_on_disconnect` is cancelled if its client leaves before it has returned."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from msgspec import Struct

from jero import BaseApp, Endpoint, EventStreamResponse, StreamOutcome
from jero.http.asgi import HeaderPairs, Message
from jero.testing import AsyncTestClient
from tests.application import http_scope

DISCONNECT: Message = {"type": "http.disconnect"}
JSON: HeaderPairs = [(b"content-type", b"application/json"), (b"content-length", b"2")]


class Empty(Struct):
    pass


class Call:
    """One request: what the client sends, and what it receives. At most one task waits in `receive`."""

    def __init__(self, app: BaseApp, method: str = "GET", path: str = "/work") -> None:
        self.sent: list[Message] = []
        self.before_sending: Callable[[], Awaitable[None]] | None = None
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._is_receiving = False
        scope = http_scope(method, path, headers=JSON if method == "POST" else [])
        self.task = asyncio.create_task(app(scope, self.receive, self.send))

    async def receive(self) -> Message:
        assert not self._is_receiving
        self._is_receiving = True
        try:
            return await self._incoming.get()
        finally:
            self._is_receiving = False

    async def send(self, message: Message) -> None:
        if self.before_sending is not None:
            await self.before_sending()
        self.sent.append(message)

    def body(self, body: bytes, *, more_body: bool = False) -> None:
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": more_body})

    def leave(self) -> None:
        self._incoming.put_nowait(DISCONNECT)

    @property
    def received(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


class Work:
    """Does the work of a handler: waits for `result`, and notes how it ends."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.notes: list[str] = []
        self.teardown: Callable[[], Awaitable[None]] | None = None
        self.suppresses = False
        self.suppressed: Any = "suppressed"
        self.task: asyncio.Task[Any] | None = None

    async def run(self) -> Any:
        self.task = asyncio.current_task()
        self.has_begun.set()
        try:
            return await self.result
        except asyncio.CancelledError:
            self.notes.append("cancelled")
            if self.suppresses:
                return self.suppressed
            raise
        finally:
            if self.teardown is not None:
                await self.teardown()
            self.notes.append("torn down")


class WorkEndpoint(Endpoint, path="/work"):
    """Waits before it returns a whole answer; POST first reads a body whole, PUT reads it as it arrives."""

    cancel_on_disconnect = True

    def __init__(self, work: Work) -> None:
        self.work = work

    async def get(self) -> str:
        return str(await self.work.run())

    async def post(self, json: Empty) -> str:
        return str(await self.work.run())

    async def put(self, content: AsyncIterator[bytes]) -> str:
        parts = [part async for part in content]
        return str(await self.work.run()) + b"".join(parts).decode()

    async def delete(self) -> str:
        return str(await self.work.run())


class EitherEndpoint(Endpoint, path="/either"):
    """Waits before it returns a stream or a whole answer, whatever its work results in."""

    cancel_on_disconnect = True

    def __init__(self, work: Work) -> None:
        self.work = work

    async def get(self) -> str | EventStreamResponse[int]:
        result: str | EventStreamResponse[int] = await self.work.run()
        return result

    async def post(self, json: Empty) -> AsyncIterator[int]:
        result: AsyncIterator[int] = await self.work.run()
        return result


class App(BaseApp):
    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        self.outcomes: list[StreamOutcome] = []

    async def _wire(self) -> None:
        self._include_endpoint(WorkEndpoint(self.work))
        self._include_endpoint(EitherEndpoint(self.work))

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


@pytest.fixture
async def app(caplog: pytest.LogCaptureFixture) -> AsyncIterator[App]:
    """Yields a served application. In the end, no task is left, and nothing but debugging was logged."""
    caplog.set_level(logging.DEBUG)
    app = App(Work())
    async with AsyncTestClient(app):
        yield app
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def begun(app: App, method: str, path: str = "/work") -> Call:
    call = Call(app, method, path)
    if method != "GET":
        call.body(b"{}")
    return call


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/work"),
        ("POST", "/work"),
        ("PUT", "/work"),
        ("DELETE", "/work"),
        ("GET", "/either"),
        ("POST", "/either"),
    ],
)
async def test_a_handler_is_cancelled_in_its_task_when_its_client_leaves(app: App, method: str, path: str) -> None:
    call = begun(app, method, path)
    await app.work.has_begun.wait()
    call.leave()
    await call.task
    assert app.work.notes == ["cancelled", "torn down"]
    assert app.work.task is call.task
    assert call.task.cancelling() == 0
    assert not call.sent


async def test_nothing_but_debugging_is_logged(app: App, caplog: pytest.LogCaptureFixture) -> None:
    call = begun(app, "GET")
    await app.work.has_begun.wait()
    call.leave()
    await call.task
    found = [record.getMessage() for record in caplog.records if record.name == "jero.requests"]
    assert found == ["GET /work: the client left while the handler ran"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_client_that_stays_receives_the_answer(app: App, method: str) -> None:
    call = begun(app, method)
    await app.work.has_begun.wait()
    app.work.result.set_result("done")
    await call.task
    assert call.received == (b"done{}" if method == "PUT" else b"done")
    assert app.work.notes == ["torn down"]


async def test_a_body_that_arrives_while_the_handler_runs_is_read_by_it(app: App) -> None:
    call = Call(app, "PUT")
    for part in (b"a", b"b"):
        call.body(part, more_body=True)
    call.body(b"c")
    await app.work.has_begun.wait()
    app.work.result.set_result("done")
    await call.task
    assert call.received == b"doneabc"


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_not_answered(app: App) -> None:
    call = Call(app, "PUT")
    call.body(b"a", more_body=True)
    call.leave()
    await call.task
    assert not call.sent
    assert not app.work.has_begun.is_set()
    assert call.task.cancelling() == 0


async def test_a_body_that_nobody_reads_is_passed_over(app: App) -> None:
    call = Call(app, "DELETE")
    call.body(b"a", more_body=True)
    call.body(b"b")
    await app.work.has_begun.wait()
    call.leave()
    await call.task
    assert app.work.notes == ["cancelled", "torn down"]


@pytest.mark.parametrize("path", ["/work", "/either"])
async def test_a_handler_that_suppresses_the_cancellation_is_answered_as_usual(app: App, path: str) -> None:
    app.work.suppresses = True
    call = begun(app, "GET", path)
    await app.work.has_begun.wait()
    call.leave()
    await call.task
    assert call.received == b"suppressed"
    assert call.task.cancelling() == 0


@pytest.mark.parametrize("path", ["/work", "/either"])
async def test_a_cancellation_in_a_group_is_one(app: App, path: str) -> None:
    async def teardown() -> None:
        raise BaseExceptionGroup("of tasks", [BaseExceptionGroup("of more", [asyncio.CancelledError()])])

    app.work.teardown = teardown
    call = begun(app, "GET", path)
    await app.work.has_begun.wait()
    call.leave()
    await call.task
    assert not call.sent


async def test_a_teardown_is_not_cancelled_a_second_time(app: App) -> None:
    is_tearing_down, may_end = asyncio.Event(), asyncio.Event()

    async def teardown() -> None:
        is_tearing_down.set()
        await may_end.wait()

    app.work.teardown = teardown
    call = begun(app, "GET")
    await app.work.has_begun.wait()
    call.leave()
    call.leave()
    await is_tearing_down.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    may_end.set()
    await call.task
    assert app.work.notes == ["cancelled", "torn down"]


@pytest.mark.parametrize("path", ["/work", "/either"])
@pytest.mark.parametrize("has_left", [False, True], ids=["stays", "leaves"])
async def test_a_cancellation_from_outside_is_raised(app: App, path: str, *, has_left: bool) -> None:
    call = begun(app, "GET", path)
    await app.work.has_begun.wait()
    if has_left:

        async def teardown() -> None:
            call.task.cancel()
            await asyncio.sleep(0)

        app.work.teardown = teardown
        call.leave()
    else:
        call.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.task
    assert app.work.notes[0] == "cancelled"
    assert call.task.cancelled()
    assert not call.sent


async def test_a_timeout_around_the_application_is_a_timeout(app: App) -> None:
    call = begun(app, "GET")
    await app.work.has_begun.wait()
    call.task.cancel()
    await asyncio.wait([call.task])

    async def never() -> Message:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await app(http_scope(path="/work"), never, call.send)
    assert not call.sent


@pytest.mark.parametrize("is_first", [True, False], ids=["leaves first", "returns first"])
@pytest.mark.parametrize("path", ["/work", "/either"])
async def test_a_handler_that_ends_when_its_client_leaves_loses_nothing(app: App, path: str, *, is_first: bool) -> None:
    """The answer is sent, or the handler is cancelled: never both, and never a part."""
    call = begun(app, "GET", path)
    await app.work.has_begun.wait()
    actions: list[Callable[[], None]] = [call.leave, lambda: app.work.result.set_result("done")]
    for act in actions if is_first else reversed(actions):
        act()
    await call.task
    was_cancelled = "cancelled" in app.work.notes
    assert call.received == (b"" if was_cancelled else b"done")
    assert app.work.notes[-1] == "torn down"
    assert call.task.cancelling() == 0


async def test_what_follows_the_handler_is_not_cancelled(app: App) -> None:
    is_sending, may_send = asyncio.Event(), asyncio.Event()
    call = begun(app, "GET")
    await app.work.has_begun.wait()

    async def before_sending() -> None:
        is_sending.set()
        await may_send.wait()

    call.before_sending = before_sending
    call.leave()  # noticed in the same turn of the event loop in which the handler returns
    app.work.result.set_result("done")
    await is_sending.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    may_send.set()
    await call.task
    assert call.received == b"done"


class Numbers:
    """A stream that yields a number, and then waits."""

    def __init__(self) -> None:
        self.is_waiting = asyncio.Event()
        self.may_end = asyncio.Event()

    async def items(self) -> AsyncIterator[int]:
        yield 1
        self.is_waiting.set()
        await self.may_end.wait()
        yield 2


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("leaves", [True, False])
async def test_a_stream_that_the_handler_returns_is_watched_on(app: App, method: str, *, leaves: bool) -> None:
    numbers = Numbers()
    call = begun(app, method, "/either")
    await app.work.has_begun.wait()
    app.work.result.set_result(EventStreamResponse(stream=numbers.items()) if method == "GET" else numbers.items())
    await numbers.is_waiting.wait()
    if leaves:
        call.leave()
    else:
        numbers.may_end.set()
    await call.task
    assert [outcome.reason for outcome in app.outcomes] == ["disconnected" if leaves else "completed"]
    assert b"1" in call.received
    assert (b"2" in call.received) is not leaves


async def test_a_stream_knows_of_a_client_that_left_before_it_began(app: App) -> None:
    numbers = Numbers()
    app.work.suppresses = True
    app.work.suppressed = EventStreamResponse(stream=numbers.items())
    call = begun(app, "GET", "/either")
    await app.work.has_begun.wait()
    call.leave()
    await call.task
    assert [outcome.reason for outcome in app.outcomes] == ["disconnected"]


async def test_a_stream_that_never_pauses_leaves_no_task(app: App) -> None:
    call = begun(app, "GET", "/either")
    app.work.result.set_result(EventStreamResponse(stream=[1, 2]))
    await call.task
    assert [outcome.reason for outcome in app.outcomes] == ["completed"]


async def test_a_receive_that_fails_counts_as_leaving(caplog: pytest.LogCaptureFixture) -> None:
    app = App(Work())

    async def receive() -> Message:
        raise OSError("broken")

    async def send(message: Message) -> None:
        raise AssertionError

    async with AsyncTestClient(app):
        await app(http_scope(path="/work"), receive, send)
    assert app.work.notes == ["cancelled", "torn down"]
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        "receive() failed, which counts as a disconnect: none could be noticed any more"
    ]


class PlainEndpoint(WorkEndpoint, path="/plain"):
    cancel_on_disconnect = False


async def test_an_endpoint_without_the_attribute_receives_nothing() -> None:
    work = Work()
    work.result.set_result("done")
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    class Plain(BaseApp):
        async def _wire(self) -> None:
            self._include_endpoint(PlainEndpoint(work))

    async with AsyncTestClient(app := Plain()):
        await app(http_scope(path="/plain"), receive, send)
    assert sent[1]["body"] == b"done"
