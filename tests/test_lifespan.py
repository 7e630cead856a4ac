"""`Startup`: the server's side of the lifespan protocol."""

import asyncio

import pytest

from jero.http.asgi import ASGIApp, Receive, Scope, Send
from jero.lifespan import Startup


async def conforming(scope: Scope, receive: Receive, send: Send) -> None:
    scope["state"]["database"] = 1
    for phase in ("startup", "shutdown"):
        assert (await receive())["type"] == f"lifespan.{phase}"
        await send({"type": f"lifespan.{phase}.complete"})


async def raising(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotImplementedError


async def returning(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def failing_without_a_reason(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed"})


async def failing_at_shutdown(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    raise ValueError("late")


async def test_the_state_is_what_the_application_put_there() -> None:
    async with Startup(conforming) as startup:
        assert startup.state == {"database": 1}


async def test_a_second_startup_begins_with_an_empty_state() -> None:
    found: list[dict[str, object]] = []

    async def keeping(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(dict(scope["state"]))
        await conforming(scope, receive, send)

    startup = Startup(keeping)
    for _ in range(2):
        async with startup:
            assert startup.state == {"database": 1}
    assert found == [{}, {}]


@pytest.mark.parametrize("app", [raising, returning, answering])
async def test_an_application_without_the_protocol_counts_as_started(app: ASGIApp) -> None:
    async with Startup(app):
        pass


async def test_a_startup_that_fails_without_a_reason() -> None:
    with pytest.raises(RuntimeError, match="The shop's startup failed: it gave no reason"):
        await Startup(failing_without_a_reason, "The shop").begin()


async def test_an_exception_of_the_shutdown_is_raised_once() -> None:
    startup = Startup(failing_at_shutdown)
    await startup.begin()
    with pytest.raises(ValueError, match="late"):
        await startup.end()
    await startup.end()


async def test_a_cancelled_startup_cancels_the_application() -> None:
    has_ended = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            has_ended.set()

    beginning = asyncio.create_task(Startup(slow).begin())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    await asyncio.wait_for(has_ended.wait(), 5)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_an_exit_of_the_application_fails_its_startup(error: BaseException) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    with pytest.raises(RuntimeError, match=f"The application's startup failed(.|\\n)*{type(error).__name__}"):
        await Startup(app).begin()
