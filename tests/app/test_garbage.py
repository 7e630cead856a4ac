"""Requests leave nothing to the garbage collector, however they end: its pauses would grow with their number."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from jero import Endpoint, NDJSONStreamingResponse, NotFound
from jero.errors import UnfinishedBody
from jero.http.asgi import Message
from tests.application import Application, http_scope
from tests.garbage import garbage


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


class Waiting(Endpoint, path="/waiting"):
    async def get(self) -> str:
        await forever()
        return "never"


class Watched(Waiting, path="/watched"):
    cancel_on_disconnect = True


class Idle(Endpoint, path="/idle"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self.items())

    async def items(self) -> AsyncIterator[int]:
        yield 1
        await forever()


class Busy(Idle, path="/busy"):
    async def items(self) -> AsyncIterator[int]:
        while True:
            yield 1
            await asyncio.sleep(0)


class Failing(Idle, path="/failing"):
    async def items(self) -> AsyncIterator[int]:
        for number in map(int, ["none"]):
            yield number


class FailingLater(Idle, path="/failing-later"):
    async def items(self) -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0)
        raise ValueError


class Refusing(Endpoint, path="/refusing"):
    async def get(self) -> str:
        raise NotFound("There is nothing here.")


def application() -> Application:
    return Application(Waiting(), Watched(), Idle(), Busy(), Failing(), FailingLater(), Refusing())


class Client:
    """A client in process, which leaves when `left` is set."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self._is_read = False

    async def receive(self) -> Message:
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        assert message["type"].startswith("http.response")


async def run(app: Application, path: str, end: Callable[[Client, asyncio.Task[None]], object]) -> None:
    """Sends a request, lets it run for a few turns, and ends it."""
    client = Client()
    request = asyncio.ensure_future(app(http_scope(path=path), client.receive, client.send))
    for _ in range(5):
        await asyncio.sleep(0)
    end(client, request)
    with suppress(asyncio.CancelledError, UnfinishedBody):
        await request
    del request


def leave(client: Client, request: asyncio.Task[None]) -> None:
    client.left.set()


def cancel(client: Client, request: asyncio.Task[None]) -> None:
    request.cancel()


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/idle", leave),
        ("/busy", leave),
        ("/waiting", cancel),
        ("/watched", cancel),
        ("/watched", leave),
        ("/idle", cancel),
        ("/busy", cancel),
        ("/failing", leave),
        ("/failing-later", leave),
        ("/refusing", leave),
        ("/unknown", leave),
    ],
)
async def test_a_request_leaves_no_garbage(
    path: str, end: Callable[[Client, asyncio.Task[None]], object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "jero")
    app = application()
    async with app.lifespan():
        assert await garbage(lambda: run(app, path, end)) < 10
