"""Tests the client's leaving, in every phase of a stream."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from jero.errors import ClientDisconnected
from jero.framing.json import JSON_ARRAY
from jero.framing.raw import RAW
from jero.http.asgi import Message
from jero.streaming.serve import OpenStreams, send_stream
from jero.streaming.stream import Stream
from jero.streaming.turns import Turns
from tests.streaming.connection import Connection, make_plan, start, stream, stream_task


class Closing:
    """Sources that count their closings, and pause while they close."""

    def __init__(self) -> None:
        self.pulled = asyncio.Event()
        self.closed = 0

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1

    async def short(self) -> AsyncIterator[bytes]:
        yield b"item"

    async def silent(self) -> AsyncIterator[bytes]:
        try:
            self.pulled.set()
            await asyncio.get_running_loop().create_future()
            yield b""
        finally:
            await self.close()

    async def idle(self) -> AsyncIterator[bytes]:
        try:
            yield b"item"
            self.pulled.set()
            await asyncio.get_running_loop().create_future()
        finally:
            await self.close()

    async def busy(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"item"
                await asyncio.sleep(0)
                self.pulled.set()
        finally:
            await self.close()

    async def never_pausing(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"item"
                self.pulled.set()
        finally:
            await self.close()


SOURCES: list[Callable[[Closing], AsyncIterator[bytes]]] = [
    Closing.silent,
    Closing.idle,
    Closing.busy,
    Closing.never_pausing,
]


@pytest.mark.parametrize("source", SOURCES)
async def test_a_client_that_leaves_ends_the_source_and_closes_it_once(
    source: Callable[[Closing], AsyncIterator[bytes]],
) -> None:
    connection, closing = Connection(), Closing()
    async with asyncio.timeout(10):
        request = start(source(closing), connection, framing=RAW)
        await closing.pulled.wait()
        assert closing.closed == 0
        connection.leave()
        await request
    assert closing.closed == 1
    assert connection.outcome.reason == "disconnected"
    assert connection.outcome.error is None
    assert not connection.is_complete


async def test_a_client_that_leaves_before_the_first_item_is_sent_nothing() -> None:
    connection, closing = Connection(), Closing()
    request = start(closing.silent(), connection)
    await closing.pulled.wait()
    connection.leave()
    await request
    assert connection.messages == []


async def test_a_failure_after_the_client_left_before_the_first_item_is_logged_and_not_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection, pulled = Connection(), asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        try:
            pulled.set()
            await asyncio.get_running_loop().create_future()
            yield b""
        finally:
            raise ValueError("of the closing")

    request = start(source(), connection)
    await pulled.wait()
    connection.leave()
    await request
    assert connection.outcome.reason == "failed"
    assert "of the closing" in caplog.text


async def test_a_client_that_left_before_the_stream_began_ends_it_at_its_first_pause() -> None:
    connection, closing = Connection(), Closing()
    connection.leave()
    source = closing.silent()
    await stream(source, connection)
    assert connection.outcome.reason == "disconnected"
    assert connection.messages == []
    assert closing.closed == 1


@pytest.mark.parametrize("make_source", [Closing.never_pausing, Closing.idle])
async def test_a_client_that_leaves_in_a_blocked_send_ends_the_source(
    make_source: Callable[[Closing], AsyncIterator[bytes]],
) -> None:
    connection, closing = Connection(), Closing()
    connection.block()
    request = start(make_source(closing), connection, framing=RAW)
    await connection.blocked.wait()
    connection.leave()
    await request
    assert closing.closed == 1
    assert connection.outcome.reason == "disconnected"


async def test_a_client_that_leaves_in_the_teardown_does_not_interrupt_it() -> None:
    connection = Connection()
    in_teardown, may_go_on = asyncio.Event(), asyncio.Event()
    steps = list[str]()

    async def source() -> AsyncIterator[AsyncIterator[bytes]]:
        yield Closing().short()
        in_teardown.set()
        await may_go_on.wait()
        steps.append("torn down")

    request = start(source(), connection, framing=RAW)
    await in_teardown.wait()
    connection.leave()
    for _ in range(10):
        await asyncio.sleep(0)
    may_go_on.set()
    await request
    assert steps == ["torn down"]
    assert connection.outcome.reason == "completed"
    assert not connection.is_complete


async def test_a_source_that_ignores_its_cancellation_is_closed() -> None:
    connection = Connection()
    pulled = asyncio.Event()
    steps = list[str]()

    async def source() -> AsyncIterator[int]:
        try:
            try:
                pulled.set()
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                steps.append("ignored")
            yield 1
            yield 2
        finally:
            steps.append("closed")

    request = start(source(), connection)
    await pulled.wait()
    connection.leave()
    await request
    assert steps == ["ignored", "closed"]
    assert connection.outcome.reason == "disconnected"
    assert connection.messages == []


async def test_receive_is_called_once_and_is_not_cancelled_between_items() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[int]:
        for number in range(100):
            yield number
            await asyncio.sleep(0)
            assert (connection.receive_calls, connection.receive_cancelled) == (1, 0)

    await stream(source(), connection)
    assert connection.outcome.items == 100
    assert (connection.receive_calls, connection.receive_cancelled) == (1, 1)


async def test_the_rest_of_the_request_body_is_passed_over() -> None:
    connection, closing = Connection(), Closing()
    parts: list[Message] = [
        {"type": "http.request", "body": b"x", "more_body": True},
        {"type": "http.request", "body": b"y", "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        if len(parts) == 1:
            await closing.pulled.wait()
        return parts.pop(0)

    await send_stream(
        make_plan(closing.idle(), connection.report, framing=RAW), OpenStreams(), receive, connection.send
    )
    assert parts == []
    assert closing.closed == 1
    assert connection.outcome.reason == "disconnected"


async def test_a_receive_that_repeats_the_end_of_the_request_does_not_keep_the_event_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = Connection()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def source() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0)
        yield 2

    async with asyncio.timeout(10):
        await send_stream(make_plan(source(), connection.report), OpenStreams(), receive, connection.send)
    assert connection.body == b"1\n2\n"
    assert "again and again" in caplog.text


async def test_a_receive_that_raises_ends_the_stream_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    connection, closing = Connection(), Closing()

    async def receive() -> Message:
        await closing.pulled.wait()
        raise ValueError("of receive")

    await send_stream(
        make_plan(closing.idle(), connection.report, framing=RAW), OpenStreams(), receive, connection.send
    )
    assert closing.closed == 1
    assert connection.outcome.reason == "disconnected"
    assert "of receive" in caplog.text


@pytest.mark.parametrize("end", ["leave", "cancel the task"])
async def test_a_client_that_leaves_while_the_rest_is_sent_breaks_it_off(end: str) -> None:
    connection, steps = Connection(), list[object]()

    async def source() -> AsyncIterator[AsyncIterator[bytes]]:
        await asyncio.sleep(0)
        connection.block()
        yield Closing().short()
        task = asyncio.current_task()
        assert task is not None
        steps.append(task.cancelling())  # the order to end was obeyed, and is not visible in the teardown

    request = start(source(), connection, framing=JSON_ARRAY)
    await connection.blocked.wait()
    if end == "leave":
        connection.leave()
    else:  # as the end of the event loop does
        stream_task().cancel()
    await request
    assert steps == [0]
    assert connection.messages == []
    assert connection.outcome.reason == "disconnected"


async def test_a_source_that_notices_the_disconnect_first_ends_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection()

    async def source() -> AsyncIterator[bytes]:
        yield b"item"
        await asyncio.sleep(0)
        raise ClientDisconnected

    await stream(source(), connection, framing=RAW)
    assert connection.outcome.reason == "disconnected"
    assert connection.outcome.error is None
    assert not connection.is_complete
    assert caplog.records == []


async def test_an_oserror_of_send_is_a_disconnect() -> None:
    connection, closing = Connection(), Closing()
    connection.send_error = OSError()
    await stream(closing.never_pausing(), connection, framing=RAW)
    assert closing.closed == 1
    assert connection.outcome.reason == "disconnected"


async def test_another_error_of_send_fails_the_stream_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    connection, closing = Connection(), Closing()
    connection.send_error = ValueError("of send")
    await stream(closing.idle(), connection, framing=RAW)
    assert closing.closed == 1
    assert connection.outcome.reason == "failed"
    assert "of send" in caplog.text


async def test_a_source_that_ignores_its_cancellation_and_never_pauses_is_closed() -> None:
    connection, closing = Connection(), Closing()

    async def source() -> AsyncIterator[bytes]:
        with suppress(asyncio.CancelledError):
            closing.pulled.set()
            await asyncio.get_running_loop().create_future()
        async for item in closing.never_pausing():
            yield item

    request = start(source(), connection, framing=RAW)
    await closing.pulled.wait()
    connection.leave()
    await request
    assert connection.outcome.reason == "disconnected"


async def test_a_client_that_leaves_in_a_blocked_send_cancels_the_task_that_the_source_awaits() -> None:
    connection, steps = Connection(), list[str]()

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            steps.append("work")

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.create_task(work())
        finally:
            steps.append("source")

    connection.block()
    request = start(source(), connection)
    await connection.blocked.wait()
    for _ in range(3):
        await asyncio.sleep(0)
    connection.leave()
    await request
    assert steps == ["work", "source"]


async def test_a_cancellation_after_a_disconnect_does_not_interrupt_the_closing_of_the_source() -> None:
    connection, steps = Connection(), list[str]()
    pulled, closing, may_close = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def source() -> AsyncIterator[int]:
        try:
            pulled.set()
            await asyncio.get_running_loop().create_future()
            yield 1
        finally:
            closing.set()
            await may_close.wait()
            steps.append("closed")

    request = start(source(), connection)
    await pulled.wait()
    connection.leave()
    await closing.wait()
    request.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    may_close.set()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert steps == ["closed"]


async def test_a_stop_after_a_disconnect_does_not_cancel_the_source_again() -> None:
    connection, steps = Connection(), list[str]()

    async def source() -> AsyncIterator[int]:
        try:
            await asyncio.get_running_loop().create_future()
            yield 1
        finally:
            await asyncio.sleep(0)
            steps.append("closed")

    stopped = Stream(make_plan(source(), connection.report), connection.send, Turns())
    task = asyncio.create_task(stopped.run())
    await asyncio.sleep(0)
    stopped.client_left()
    await asyncio.sleep(0)
    stopped.stop("expired")
    await task
    assert steps == ["closed"]
    assert connection.outcome.reason == "disconnected"
