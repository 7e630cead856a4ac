"""Resources of an application: opened in `_wire`, and closed in reverse, even if startup or shutdown fails."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from jero import BaseApp, Endpoint, WiringError
from jero.client import StreamClient
from jero.http.asgi import Message
from jero.testing import AsyncTestClient
from tests.application import call, http_scope


class HealthEndpoint(Endpoint, path="/health"):
    async def get(self) -> str:
        return "well"


class App(BaseApp):
    """Opens two resources, the second asynchronous. Records what happens in `events`."""

    def __init__(self, *, wire_error: BaseException | None = None, close_error: Exception | None = None) -> None:
        super().__init__()
        self.events: list[str] = []
        self.wire_error = wire_error
        self.close_error = close_error
        self.is_open = asyncio.Event()
        self.may_wire = asyncio.Event()
        self.may_wire.set()

    async def _wire(self) -> None:
        self.events.append(f"got {self._enter(self._file())}")
        self.events.append(f"got {await self._aenter(self._pool())}")
        self.is_open.set()
        await self.may_wire.wait()
        if self.wire_error is not None:
            raise self.wire_error
        self._include_endpoint(HealthEndpoint())
        self.events.append("wired")

    @contextmanager
    def _file(self) -> Generator[str, None, None]:
        try:
            yield "file"
        finally:
            self.events.append("closed file")

    @asynccontextmanager
    async def _pool(self) -> AsyncGenerator[str, None]:
        try:
            yield "pool"
        finally:
            self.events.append("closed pool")
            if self.close_error is not None:
                raise self.close_error

    async def use_after_startup(self) -> None:
        """Opens a resource too late."""
        self._enter(self._file())


OPENED = ["got file", "got pool", "wired"]
CLOSED = ["closed pool", "closed file"]


class Server:
    """The server's side of the lifespan protocol, message by message."""

    def __init__(self, app: BaseApp) -> None:
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self.task = asyncio.ensure_future(app({"type": "lifespan"}, self._to_app.get, self._from_app.put))

    async def send(self, phase: str) -> Message:
        """Sends the message of startup or shutdown, and returns the answer."""
        await self._to_app.put({"type": f"lifespan.{phase}"})
        return await asyncio.wait_for(self._from_app.get(), 5)


async def test_resources_are_opened_at_startup_and_closed_at_shutdown() -> None:
    app = App()
    server = Server(app)
    assert await server.send("startup") == {"type": "lifespan.startup.complete"}
    assert app.events == OPENED
    assert await server.send("shutdown") == {"type": "lifespan.shutdown.complete"}
    assert app.events == OPENED + CLOSED
    await server.task


async def test_a_second_startup_wires_again() -> None:
    app = App()
    for _ in range(2):
        async with AsyncTestClient(app) as client:
            assert (await client.get("/health")).text == "well"
    assert app.events == (OPENED + CLOSED) * 2


async def test_resources_are_closed_if_wiring_fails_half_way() -> None:
    app = App(wire_error=WiringError("MoviesEndpoint: mend it."))
    server = Server(app)
    assert await server.send("startup") == {
        "type": "lifespan.startup.failed",
        "message": "WiringError: MoviesEndpoint: mend it.",
    }
    assert app.events == ["got file", "got pool", *CLOSED]
    await server.task


async def test_an_unexpected_error_of_startup_is_reported_with_its_traceback() -> None:
    message = (await Server(App(wire_error=OSError("no database"))).send("startup"))["message"]
    assert message.startswith("Traceback (most recent call last):")
    assert "raise self.wire_error" in message
    assert message.endswith("OSError: no database\n")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_an_exit_in_wire_fails_the_startup(error: BaseException) -> None:
    app = App(wire_error=error)
    server = Server(app)
    answer = await server.send("startup")
    assert answer["type"] == "lifespan.startup.failed"
    assert type(error).__name__ in answer["message"]
    await server.task
    assert app.events == ["got file", "got pool", *CLOSED]


async def test_a_resource_that_fails_to_close_fails_the_shutdown_and_the_others_are_closed() -> None:
    app = App(close_error=OSError("it hangs"))
    server = Server(app)
    await server.send("startup")
    answer = await server.send("shutdown")
    assert answer["type"] == "lifespan.shutdown.failed"
    assert answer["message"].endswith("OSError: it hangs\n")
    assert app.events == OPENED + CLOSED


async def test_resources_are_closed_if_the_server_cancels_the_lifespan() -> None:
    app = App()
    server = Server(app)
    await server.send("startup")
    server.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await server.task
    assert app.events == OPENED + CLOSED


async def test_the_first_request_wires_if_no_server_has_and_the_others_wait() -> None:
    app = App()
    app.may_wire.clear()
    requests = [asyncio.create_task(call(app, http_scope(path="/health"))) for _ in range(20)]
    await app.is_open.wait()
    assert not any(request.done() for request in requests)
    app.may_wire.set()
    assert [start["status"] for start, _ in await asyncio.gather(*requests)] == [200] * 20
    assert app.events == OPENED


async def test_a_cancelled_request_does_not_cancel_the_wiring() -> None:
    app = App()
    app.may_wire.clear()
    first, second = (asyncio.create_task(call(app, http_scope(path="/health"))) for _ in range(2))
    await app.is_open.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    app.may_wire.set()
    assert (await second)[0]["status"] == 200
    assert app.events == OPENED


def test_an_application_that_a_request_started_shuts_down_with_the_event_loop() -> None:
    app = App()

    async def send_request() -> None:
        await call(app, http_scope(path="/health"))

    for runs in (1, 2):
        asyncio.run(send_request())
        assert app.events == (OPENED + CLOSED) * runs


@pytest.mark.parametrize("error", [OSError("no database"), asyncio.CancelledError()], ids=["error", "cancellation"])
async def test_a_failed_startup_is_a_500_for_all_that_wait_and_the_next_request_tries_again(
    error: BaseException,
) -> None:
    app = App(wire_error=error)
    waiting = asyncio.gather(*(call(app, http_scope(path="/health")) for _ in range(3)))
    assert [start["status"] for start, _ in await asyncio.wait_for(waiting, 5)] == [500] * 3
    assert app.events == ["got file", "got pool", *CLOSED]
    app.wire_error = None
    assert (await call(app, http_scope(path="/health")))[0]["status"] == 200


async def test_a_resource_cannot_be_opened_outside_wiring() -> None:
    with pytest.raises(WiringError, match=r"Call them in _wire\.$"):
        await App().use_after_startup()


async def ungenerated() -> AsyncGenerator[str, None]:
    yield "pool"


@contextmanager
def file() -> Generator[str, None, None]:
    yield "file"


@asynccontextmanager
async def pool() -> AsyncGenerator[str, None]:
    yield "pool"


WRONG_MANAGERS: list[tuple[Callable[[], Any], str, str]] = [
    (pool, "_enter", r"_AsyncGeneratorContextManager is an asynchronous context manager\. Write await self\._aenter\("),
    (StreamClient, "_enter", r"StreamClient is an asynchronous context manager\. Write await self\._aenter\("),
    (file, "_aenter", r"_GeneratorContextManager is a synchronous context manager\. Write self\._enter\(\.\.\.\)"),
    (ungenerated, "_aenter", "async_generator is not a context manager.* add @asynccontextmanager to it"),
    (lambda: iter([]), "_enter", "list_iterator is not a context manager.* add @contextmanager to it"),
    (lambda: None, "_aenter", "NoneType is not a context manager"),
]


@pytest.mark.parametrize(("make", "method", "message"), WRONG_MANAGERS)
async def test_what_cannot_be_opened_is_refused_with_what_to_write(
    make: Callable[[], Any], method: str, message: str
) -> None:
    class Wrong(BaseApp):
        async def _wire(self) -> None:
            entered = getattr(self, method)(make())
            if inspect.isawaitable(entered):
                await entered

    with pytest.raises(WiringError, match=f"^{method}: {message}"):
        async with Wrong().lifespan():
            raise AssertionError("it has started")
