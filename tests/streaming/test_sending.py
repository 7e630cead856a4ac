"""What `send` may be and do, for one part of the body after the other, and what is left of it."""

import asyncio
import tracemalloc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest

from jero.http.asgi import Message
from jero.policy import StreamOutcome
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.press import Numbers, Press
from tests.streaming.wire import Wire, make_plan, skip_time, start, stream

LARGE = 1_000_000


class Awaited:
    """What can be awaited, and nothing else: some servers' `send` gives that."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, None]:
        return self._coroutine.__await__()


async def stream_by(send: Callable[[Message], Any], source: AsyncIterator[object], wire: Wire) -> None:
    """Streams the source over the wire, by a `send` that is not the wire's own."""
    await send_stream(make_plan(source, wire.report), OpenStreams(), wire.receive, send)


async def three(*, is_pausing: bool = True) -> AsyncIterator[int]:
    for number in range(3):
        yield number
        if is_pausing:
            await asyncio.sleep(0)


@pytest.mark.parametrize("is_pausing", [True, False])
@pytest.mark.parametrize("kind", [Awaited, asyncio.ensure_future])
async def test_send_may_give_anything_that_can_be_awaited(
    *, kind: Callable[[Coroutine[Any, Any, None]], Awaitable[None]], is_pausing: bool
) -> None:
    wire = Wire()
    await stream_by(lambda message: kind(wire.send(message)), three(is_pausing=is_pausing), wire)
    assert wire.body == b"0\n1\n2\n"
    assert wire.outcome.reason == "completed"


async def test_a_send_that_gives_nothing_to_await_fails_the_stream_and_says_so() -> None:
    wire = Wire()
    await stream_by(wire.messages.append, three(), wire)
    assert isinstance(wire.outcome.error, TypeError)
    assert "await" in str(wire.outcome.error)


@pytest.mark.parametrize("is_slow", [True, False])
async def test_a_source_may_go_on_after_a_send_that_was_cancelled_by_itself(*, is_slow: bool) -> None:
    caught: list[int] = []

    class Cancelled(Wire):
        async def send(self, message: Message) -> None:
            if message.get("body") == b"1\n":
                if is_slow:
                    await asyncio.sleep(0)
                raise asyncio.CancelledError
            await super().send(message)

    async def source() -> AsyncIterator[int]:
        for number in range(4):
            yield number
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                caught.append(number)

    wire = Cancelled()
    await stream(source(), wire)
    assert caught == [1]
    assert wire.body == b"0\n2\n3\n"
    assert wire.outcome.reason == "completed"


async def test_what_was_sent_is_held_no_longer() -> None:
    def send(message: Message) -> Coroutine[Any, Any, None]:
        sending = wire.send(message)
        sendings.append(weakref.ref(sending))
        return sending

    async def source() -> AsyncIterator[str]:
        yield "1"
        await asyncio.sleep(0)
        yield text
        idle.set()
        await asyncio.get_running_loop().create_future()

    text = "1" * LARGE
    idle, wire = asyncio.Event(), Wire()
    sendings: list[weakref.ref[Coroutine[Any, Any, None]]] = []
    tracemalloc.start()
    try:
        request = asyncio.create_task(stream_by(send, source(), wire))
        await idle.wait()
        await asyncio.sleep(0)
        assert len(wire.body) > LARGE
        assert [sending() for sending in sendings] == [None] * 3
        wire.messages.clear()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < LARGE / 2
    wire.leave()
    await request


class Watched(Wire):
    """Knows how a send that had to wait came to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[object] = []

    async def send(self, message: Message) -> None:
        try:
            await super().send(message)
        except BaseException as error:
            self.ends.append(type(error))
            raise

    async def report(self, outcome: StreamOutcome) -> None:
        self.ends.append(outcome.reason)


async def test_a_send_that_waits_is_cancelled_when_the_client_leaves() -> None:
    wire = Watched()
    wire.block()
    request = start(three(), wire)
    await wire.blocked.wait()
    wire.leave()
    await request
    assert wire.ends == [asyncio.CancelledError, "disconnected"]


async def test_a_send_that_begins_as_the_client_leaves_is_closed_before_the_teardown() -> None:
    wire, press = Watched(), Press()
    request = start(press, wire)
    await press.publish(Numbers(1))
    wire.block()
    await press.publish(Numbers(2), before=wire.leave)
    await request
    assert wire.ends == [GeneratorExit, "disconnected"]


@pytest.mark.parametrize(("error", "reason"), [(OSError("gone"), "disconnected"), (LookupError("of send"), "failed")])
@pytest.mark.parametrize("is_slow", [True, False])
def test_a_send_that_fails_ends_a_source_that_waits_at_once(*, error: Exception, reason: str, is_slow: bool) -> None:
    class Failing(Wire):
        async def send(self, message: Message) -> None:
            if is_slow:
                await asyncio.sleep(0)
            raise error

    async def source() -> AsyncIterator[int]:
        yield 1
        await asyncio.get_running_loop().create_future()

    async def test() -> None:
        wire = Failing()
        await stream(source(), wire)
        assert wire.outcome.reason == reason
        assert asyncio.get_running_loop().time() == 0

    skip_time(test())
