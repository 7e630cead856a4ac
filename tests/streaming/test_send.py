"""Tests the server's `send`: what it may return and raise, and that a sent part of the body is freed."""

import asyncio
import tracemalloc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest

from jero.http.asgi import Message
from jero.policy import StreamOutcome
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.connection import Connection, make_plan, skip_time, start, stream
from tests.streaming.publisher import Numbers, Publisher

LARGE = 1_000_000


class Awaited:
    """An awaitable that is not a coroutine, as the `send` of some servers returns it."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, None]:
        return self._coroutine.__await__()


async def stream_by(send: Callable[[Message], Any], source: AsyncIterator[object], connection: Connection) -> None:
    """Streams the source over the connection, with another `send`."""
    await send_stream(make_plan(source, connection.report), OpenStreams(), connection.receive, send)


async def three(*, is_pausing: bool = True) -> AsyncIterator[int]:
    for number in range(3):
        yield number
        if is_pausing:
            await asyncio.sleep(0)


@pytest.mark.parametrize("is_pausing", [True, False])
@pytest.mark.parametrize("kind", [Awaited, asyncio.ensure_future])
async def test_send_may_return_any_awaitable(
    *, kind: Callable[[Coroutine[Any, Any, None]], Awaitable[None]], is_pausing: bool
) -> None:
    connection = Connection()
    await stream_by(lambda message: kind(connection.send(message)), three(is_pausing=is_pausing), connection)
    assert connection.body == b"0\n1\n2\n"
    assert connection.outcome.reason == "completed"


async def test_a_send_that_does_not_return_an_awaitable_fails_the_stream() -> None:
    connection = Connection()
    await stream_by(connection.messages.append, three(), connection)
    assert isinstance(connection.outcome.error, TypeError)
    assert "await" in str(connection.outcome.error)


@pytest.mark.parametrize("is_slow", [True, False])
async def test_a_source_may_go_on_after_a_send_that_raised_its_own_cancellation(*, is_slow: bool) -> None:
    caught: list[int] = []

    class Cancelled(Connection):
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

    connection = Cancelled()
    await stream(source(), connection)
    assert caught == [1]
    assert connection.body == b"0\n2\n3\n"
    assert connection.outcome.reason == "completed"


async def test_a_sent_part_of_the_body_is_freed() -> None:
    def send(message: Message) -> Coroutine[Any, Any, None]:
        sending = connection.send(message)
        sendings.append(weakref.ref(sending))
        return sending

    async def source() -> AsyncIterator[str]:
        yield "1"
        await asyncio.sleep(0)
        yield text
        idle.set()
        await asyncio.get_running_loop().create_future()

    text = "1" * LARGE
    idle, connection = asyncio.Event(), Connection()
    sendings: list[weakref.ref[Coroutine[Any, Any, None]]] = []
    tracemalloc.start()
    try:
        request = asyncio.create_task(stream_by(send, source(), connection))
        await idle.wait()
        await asyncio.sleep(0)
        assert len(connection.body) > LARGE
        assert [sending() for sending in sendings] == [None] * 3
        connection.messages.clear()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < LARGE / 2
    connection.leave()
    await request


class Watched(Connection):
    """Records how a send that had to wait ended, and then the stream's ending."""

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
    connection = Watched()
    connection.block()
    request = start(three(), connection)
    await connection.blocked.wait()
    connection.leave()
    await request
    assert connection.ends == [asyncio.CancelledError, "disconnected"]


async def test_a_send_that_begins_when_the_client_leaves_is_closed_before_the_teardown() -> None:
    connection, publisher = Watched(), Publisher()
    request = start(publisher, connection)
    await publisher.publish(Numbers(1))
    connection.block()
    await publisher.publish(Numbers(2), before=connection.leave)
    await request
    assert connection.ends == [GeneratorExit, "disconnected"]


@pytest.mark.parametrize(("error", "reason"), [(OSError("gone"), "disconnected"), (LookupError("of send"), "failed")])
@pytest.mark.parametrize("is_slow", [True, False])
def test_a_send_that_fails_ends_a_waiting_source_at_once(*, error: Exception, reason: str, is_slow: bool) -> None:
    class Failing(Connection):
        async def send(self, message: Message) -> None:
            if is_slow:
                await asyncio.sleep(0)
            raise error

    async def source() -> AsyncIterator[int]:
        yield 1
        await asyncio.get_running_loop().create_future()

    async def test() -> None:
        connection = Failing()
        await stream(source(), connection)
        assert connection.outcome.reason == reason
        assert asyncio.get_running_loop().time() == 0

    skip_time(test())
