"""Requests with dependencies leave nothing to the garbage collector, however they end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from jero import BaseApp, Conflict, Endpoint, JSONResponse, NDJSONStreamingResponse
from jero.errors import UnfinishedBody
from tests.dependencies.recorded import Call, Record
from tests.garbage import garbage


class Session:
    pass


async def session() -> AsyncIterator[Session]:
    await asyncio.sleep(0)
    yield Session()


class Idle(Endpoint, path="/idle"):
    async def get(self, session: Session) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self.items())

    async def items(self) -> AsyncIterator[int]:
        yield 1
        await asyncio.get_running_loop().create_future()


class Generator(Endpoint, path="/generator"):
    async def get(self, session: Session) -> AsyncIterator[int]:
        yield 1
        await asyncio.get_running_loop().create_future()


class Ending(Endpoint, path="/ending"):
    async def get(self, session: Session) -> AsyncIterator[int]:
        yield 1


class Failing(Endpoint, path="/failing"):
    async def get(self, session: Session) -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0)
        raise ValueError


class Refusing(Endpoint, path="/refusing"):
    async def get(self, session: Session) -> str:
        raise Conflict

    async def put(self, session: Session) -> JSONResponse[str] | NDJSONStreamingResponse[int]:
        raise Conflict


class Whole(Endpoint, path="/whole"):
    async def get(self, session: Session) -> str:
        return "whole"

    async def put(self, session: Session) -> JSONResponse[str] | NDJSONStreamingResponse[int]:
        return JSONResponse(content="whole")


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_dependency(session)
        for endpoint in (Idle(), Generator(), Ending(), Failing(), Refusing(), Whole()):
            self._include_endpoint(endpoint)


def leave(call: Call) -> None:
    call.leave()


def cancel(call: Call) -> None:
    call.task.cancel()


def wait(call: Call) -> None:
    """Lets the request end by itself."""


@pytest.mark.parametrize(
    ("method", "path", "end"),
    [
        ("GET", "/idle", leave),
        ("GET", "/idle", cancel),
        ("GET", "/generator", leave),
        ("GET", "/generator", cancel),
        ("GET", "/ending", wait),
        ("GET", "/failing", wait),
        ("GET", "/refusing", wait),
        ("PUT", "/refusing", wait),
        ("GET", "/whole", wait),
        ("PUT", "/whole", wait),
        ("PUT", "/whole", cancel),
    ],
)
async def test_a_request_with_a_dependency_leaves_nothing_to_the_collector(
    method: str, path: str, end: Callable[[Call], None]
) -> None:
    app = App()

    async def once() -> None:
        call = Call(app, Record(), path, method).start()
        turns = 2 if end is cancel else 12
        for _ in range(turns):
            await asyncio.sleep(0)
        end(call)
        with suppress(asyncio.CancelledError, UnfinishedBody):
            await call.task

    async with app.lifespan():
        assert await garbage(once) == 0
