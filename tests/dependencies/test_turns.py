"""At each turn of the event loop in which a request ends early, its dependencies are closed exactly once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Self

import anyio
import pytest

from jero import BaseApp, Endpoint, EventStreamResponse, JSONResponse, NDJSONStreamingResponse, Request
from jero.auth import Auth, HTTPScheme
from tests.dependencies.recorded import Call, Record

MOST_TURNS = 80


class Connection:
    """Counts how often it is opened and closed. Both pause. Notes the tasks that do so."""

    opened = 0
    closed = 0
    half_open = 0
    finished = 0
    is_same_task = True

    async def __aenter__(self) -> Self:
        self._owner = asyncio.current_task()
        type(self).half_open += 1
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        type(self).half_open -= 1
        type(self).opened += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        type(self).closed += 1
        type(self).is_same_task &= self._owner is asyncio.current_task()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        type(self).finished += 1


class Transaction:
    begun = 0
    ended = 0

    def __init__(self, connection: Connection) -> None:
        self.connection = connection


async def transaction(connection: Connection) -> AsyncIterator[Transaction]:
    Transaction.begun += 1
    try:
        await asyncio.sleep(0)
        yield Transaction(connection)
        await asyncio.sleep(0)
    finally:
        Transaction.ended += 1


async def numbers() -> AsyncIterator[int]:
    for number in range(3):
        await asyncio.sleep(0)
        yield number


class WholeEndpoint(Endpoint, path="/whole"):
    async def get(self, transaction: Transaction) -> str:
        await asyncio.sleep(0)
        return "whole"


class WatchedEndpoint(WholeEndpoint, path="/watched"):
    cancel_on_disconnect = True


class StreamEndpoint(Endpoint, path="/stream"):
    async def get(self, transaction: Transaction) -> NDJSONStreamingResponse[int]:
        await asyncio.sleep(0)
        return NDJSONStreamingResponse(stream=numbers())


class GeneratorEndpoint(Endpoint, path="/generator"):
    async def get(self, transaction: Transaction, connection: Connection) -> AsyncIterator[int]:
        assert transaction.connection is connection
        async for number in numbers():
            yield number


class ThreadEndpoint(Endpoint, path="/thread"):
    def get(self, transaction: Transaction) -> Iterator[int]:
        yield from range(3)


class UnionEndpoint(Endpoint, path="/union"):
    cancel_on_disconnect = True

    async def get(self, transaction: Transaction) -> JSONResponse[str] | EventStreamResponse[int]:
        await asyncio.sleep(0)
        return JSONResponse(content="whole")


KINDS = [WholeEndpoint, WatchedEndpoint, StreamEndpoint, GeneratorEndpoint, ThreadEndpoint, UnionEndpoint]


class App(BaseApp):
    def __init__(self, endpoint: Endpoint, auth: Auth | None = None) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.auth = auth

    async def _wire(self) -> None:
        self._include_dependency(transaction)
        self._include_dependency(Connection)
        self._include_endpoint(self.endpoint, auth=self.auth)


def cancel(call: Call) -> None:
    call.task.cancel()


def cancel_twice(call: Call) -> None:
    call.task.cancel()
    asyncio.get_running_loop().call_soon(call.task.cancel)


def leave(call: Call) -> None:
    call.leave()


def leave_and_cancel(call: Call) -> None:
    call.leave()
    call.task.cancel()


def assert_closed(where: str) -> None:
    assert Connection.opened == Connection.closed, where
    assert Connection.is_same_task, where
    assert Transaction.begun == Transaction.ended, where


@pytest.mark.parametrize("end", [cancel, cancel_twice, leave, leave_and_cancel])
@pytest.mark.parametrize("kind", [pytest.param(kind, id=f"{kind.path}"[1:]) for kind in KINDS])
async def test_dependencies_are_closed_once_in_whichever_turn_the_request_ends(
    kind: type[Endpoint], end: Callable[[Call], None]
) -> None:
    app = App(kind())
    async with app.lifespan():
        for turns in range(MOST_TURNS):
            record = Record()
            call = Call(app, record, str(kind.path)).start()
            for _ in range(turns):
                await asyncio.sleep(0)
            is_over = call.task.done()
            end(call)
            error = await call.ended()
            assert is_over or end is leave or isinstance(error, asyncio.CancelledError), f"after {turns} turns"
            assert_closed(f"after {turns} turns")
            assert len(asyncio.all_tasks()) == 1, f"after {turns} turns"
            if is_over and kind is not ThreadEndpoint:
                return
        assert kind is ThreadEndpoint, "the request never ended"


class Cancelling:
    """Cancels the request whose caller it admits: the next await raises."""

    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, request: Request) -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return request.path


@pytest.mark.parametrize("kind", [StreamEndpoint, GeneratorEndpoint, UnionEndpoint])
async def test_a_request_that_is_cancelled_before_its_stream_has_a_task_opens_nothing(kind: type[Endpoint]) -> None:
    app = App(kind(), auth=Cancelling())
    async with app.lifespan():
        opened = Connection.opened
        call = Call(app, Record(), str(kind.path)).start()
        assert isinstance(await call.ended(), asyncio.CancelledError)
        assert Connection.opened == opened
        assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("kind", [pytest.param(kind, id=f"{kind.path}"[1:]) for kind in KINDS])
async def test_a_cancel_scope_around_the_application_waits_for_the_closing(kind: type[Endpoint]) -> None:
    app = App(kind())
    async with app.lifespan():
        for turns in range(25):
            opened, unfinished = Connection.opened, Connection.closed - Connection.finished
            record = Record()
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(_serve, app, str(kind.path), record)
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    scope.cancel()
            assert_closed(f"after {turns} turns")
            assert Connection.opened - opened <= 1
            assert Connection.closed - Connection.finished == unfinished, "the scope has cancelled the closing"


async def _serve(app: BaseApp, path: str, record: Record) -> None:
    await Call(app, record, path).serve()


async def plain() -> AsyncIterator[str]:
    yield "plain"


class HoldingEndpoint(Endpoint, path="/holding"):
    async def get(self, connection: Connection) -> AsyncIterator[int]:
        await asyncio.sleep(0)
        yield 1
        await asyncio.get_running_loop().create_future()


class BriefEndpoint(Endpoint, path="/brief"):
    async def get(self, text: str) -> AsyncIterator[str]:
        yield text
        await asyncio.sleep(0)


class WaitingEndpoint(Endpoint, path="/waiting"):
    cancelled = 0
    cleaned = 0

    async def get(self, text: str) -> JSONResponse[str] | NDJSONStreamingResponse[int]:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            type(self).cancelled += 1
            raise
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            type(self).cleaned += 1
        return JSONResponse(content=text)


class MoreApp(App):
    async def _wire(self) -> None:
        await super()._wire()
        self._include_dependency(plain)


async def test_an_endless_stream_ends_in_whichever_turn_its_request_is_cancelled() -> None:
    app = App(HoldingEndpoint())
    async with app.lifespan():
        for turns in range(1, 30):
            call = Call(app, Record(), "/holding").start()
            for _ in range(turns):
                await asyncio.sleep(0)
            call.task.cancel()
            assert isinstance(await call.ended(), asyncio.CancelledError)
            assert_closed(f"after {turns} turns")


async def test_a_stream_that_ends_before_its_request_wakes_is_not_open_any_more() -> None:
    app = MoreApp(BriefEndpoint())
    async with app.lifespan():
        call = Call(app, Record(), "/brief").start()
        assert await call.ended() is None
        assert call.body == b'"plain"\n'
        await app.drain()  # it waits for the streams that are open


async def test_a_cancel_scope_around_the_application_cancels_the_handler_once() -> None:
    app = MoreApp(WaitingEndpoint())
    async with app.lifespan(), anyio.create_task_group() as group:
        group.start_soon(_serve, app, "/waiting", Record())
        for _ in range(10):
            await asyncio.sleep(0)
        group.cancel_scope.cancel()
    assert WaitingEndpoint.cancelled == WaitingEndpoint.cleaned == 1
