"""Another application's startup and shutdown."""

import asyncio

import pytest

from jero.http.asgi import ASGIApp, Receive, Scope, Send
from jero.lifespan import Startup


async def speaking(scope: Scope, receive: Receive, send: Send) -> None:
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


async def failing_in_silence(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed"})


async def failing_at_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    raise ValueError("late")


async def test_the_state_is_the_application_s() -> None:
    async with Startup(speaking) as startup:
        assert startup.state == {"database": 1}


async def test_a_second_life_begins_without_the_state_of_the_first() -> None:
    found: list[dict[str, object]] = []

    async def keeping(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(dict(scope["state"]))
        await speaking(scope, receive, send)

    startup = Startup(keeping)
    for _ in range(2):
        async with startup:
            assert startup.state == {"database": 1}
    assert found == [{}, {}]


@pytest.mark.parametrize("app", [raising, returning, answering])
async def test_one_that_does_not_speak_the_protocol_counts_as_started(app: ASGIApp) -> None:
    async with Startup(app):
        pass


async def test_one_that_gives_no_reason() -> None:
    with pytest.raises(RuntimeError, match="The shop's startup failed: it gives no reason"):
        await Startup(failing_in_silence, "The shop").begin()


async def test_what_it_raises_at_the_end_is_raised() -> None:
    startup = Startup(failing_at_the_end)
    await startup.begin()
    with pytest.raises(ValueError, match="late"):
        await startup.end()
    await startup.end()


async def test_a_startup_that_is_given_up_is_ended() -> None:
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
