"""The client leaves, at every point of a stream's life."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from jero.framing.raw import RAW
from jero.http.asgi import Message
from jero.streaming.serve import OpenStreams, send_stream
from jero.streaming.stream import Stream
from jero.streaming.turns import Turns
from tests.streaming.wire import Wire, make_plan, start, stream


class Closing:
    """Sources that note their closing, and await in it."""

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
async def test_leaving_ends_the_source_and_closes_it_once(source: Callable[[Closing], AsyncIterator[bytes]]) -> None:
    wire, closing = Wire(), Closing()
    async with asyncio.timeout(10):
        request = start(source(closing), wire, framing=RAW)
        await closing.pulled.wait()
        assert closing.closed == 0
        wire.leave()
        await request
    assert closing.closed == 1
    assert wire.outcome.reason == "disconnected"
    assert wire.outcome.error is None
    assert not wire.is_complete


async def test_leaving_before_the_first_item_leaves_nothing_sent() -> None:
    wire, closing = Wire(), Closing()
    request = start(closing.silent(), wire)
    await closing.pulled.wait()
    wire.leave()
    await request
    assert wire.messages == []


async def test_a_client_that_has_left_before_the_stream_begins() -> None:
    wire, closing = Wire(), Closing()
    wire.leave()
    source = closing.silent()
    await stream(source, wire)  # its first pause is the first moment at which a disconnect can be noticed
    assert wire.outcome.reason == "disconnected"
    assert wire.messages == []
    assert closing.closed == 1


async def test_leaving_in_a_blocked_send_ends_the_source() -> None:
    wire, closing = Wire(), Closing()
    wire.block()
    request = start(closing.never_pausing(), wire, framing=RAW)
    await wire.blocked.wait()
    wire.leave()
    await request
    assert closing.closed == 1
    assert wire.outcome.reason == "disconnected"


async def test_leaving_in_a_blocked_send_while_the_source_waits_ends_the_source() -> None:
    wire, closing = Wire(), Closing()
    wire.block()
    request = start(closing.idle(), wire, framing=RAW)
    await wire.blocked.wait()
    wire.leave()
    await request
    assert closing.closed == 1
    assert wire.outcome.reason == "disconnected"


async def test_leaving_in_the_teardown_lets_it_come_to_its_end() -> None:
    wire = Wire()
    in_teardown, may_go_on = asyncio.Event(), asyncio.Event()
    steps = list[str]()

    async def source() -> AsyncIterator[AsyncIterator[bytes]]:
        yield Closing().short()
        in_teardown.set()
        await may_go_on.wait()
        steps.append("torn down")

    request = start(source(), wire, framing=RAW)
    await in_teardown.wait()
    wire.leave()
    for _ in range(10):
        await asyncio.sleep(0)
    may_go_on.set()
    await request
    assert steps == ["torn down"]
    assert wire.outcome.reason == "completed"
    assert not wire.is_complete


async def test_a_source_that_swallows_its_cancellation_is_closed_all_the_same() -> None:
    wire = Wire()
    pulled = asyncio.Event()
    steps = list[str]()

    async def source() -> AsyncIterator[int]:
        try:
            try:
                pulled.set()
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                steps.append("swallowed")
            yield 1
            yield 2
        finally:
            steps.append("closed")

    request = start(source(), wire)
    await pulled.wait()
    wire.leave()
    await request
    assert steps == ["swallowed", "closed"]
    assert wire.outcome.reason == "disconnected"
    assert wire.messages == []


async def test_receive_is_called_once_and_never_cancelled_between_items() -> None:
    wire = Wire()

    async def source() -> AsyncIterator[int]:
        for number in range(100):
            yield number
            await asyncio.sleep(0)
            assert (wire.receive_calls, wire.receive_cancelled) == (1, 0)

    await stream(source(), wire)
    assert wire.outcome.items == 100
    assert (wire.receive_calls, wire.receive_cancelled) == (1, 1)


async def test_what_is_left_of_the_request_is_passed_over() -> None:
    wire, closing = Wire(), Closing()
    parts: list[Message] = [
        {"type": "http.request", "body": b"x", "more_body": True},
        {"type": "http.request", "body": b"y", "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        if len(parts) == 1:
            await closing.pulled.wait()
        return parts.pop(0)

    await send_stream(make_plan(closing.idle(), wire.report, framing=RAW), OpenStreams(), receive, wire.send)
    assert parts == []
    assert closing.closed == 1
    assert wire.outcome.reason == "disconnected"


async def test_a_receive_that_repeats_the_request_does_not_spin(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def source() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0)
        yield 2

    async with asyncio.timeout(10):
        await send_stream(make_plan(source(), wire.report), OpenStreams(), receive, wire.send)
    assert wire.body == b"1\n2\n"
    assert "again and again" in caplog.text


async def test_a_receive_that_raises_ends_the_stream_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    wire, closing = Wire(), Closing()

    async def receive() -> Message:
        await closing.pulled.wait()
        raise ValueError("of receive")

    await send_stream(make_plan(closing.idle(), wire.report, framing=RAW), OpenStreams(), receive, wire.send)
    assert closing.closed == 1
    assert wire.outcome.reason == "disconnected"
    assert "of receive" in caplog.text


async def test_an_oserror_of_send_is_the_clients_leaving() -> None:
    wire, closing = Wire(), Closing()
    wire.send_error = OSError()
    await stream(closing.never_pausing(), wire, framing=RAW)
    assert closing.closed == 1
    assert wire.outcome.reason == "disconnected"


async def test_another_error_of_send_fails_the_stream_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    wire, closing = Wire(), Closing()
    wire.send_error = ValueError("of send")
    await stream(closing.idle(), wire, framing=RAW)
    assert closing.closed == 1
    assert wire.outcome.reason == "failed"
    assert "of send" in caplog.text


async def test_a_source_that_swallows_its_cancellation_and_never_pauses_is_closed_all_the_same() -> None:
    wire, closing = Wire(), Closing()

    async def source() -> AsyncIterator[bytes]:
        with suppress(asyncio.CancelledError):
            closing.pulled.set()
            await asyncio.get_running_loop().create_future()
        async for item in closing.never_pausing():
            yield item

    request = start(source(), wire, framing=RAW)
    await closing.pulled.wait()
    wire.leave()
    await request
    assert wire.outcome.reason == "disconnected"


async def test_what_the_source_waits_for_is_cancelled_when_a_blocked_send_is_broken_off() -> None:
    wire, steps = Wire(), list[str]()

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

    wire.block()
    request = start(source(), wire)
    await wire.blocked.wait()
    for _ in range(3):
        await asyncio.sleep(0)
    wire.leave()
    await request
    assert steps == ["work", "source"]


async def test_a_second_order_to_end_does_not_disturb_the_sources_own_closing() -> None:
    wire, steps = Wire(), list[str]()
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

    request = start(source(), wire)
    await pulled.wait()
    wire.leave()
    await closing.wait()
    request.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    may_close.set()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert steps == ["closed"]


async def test_orders_to_end_from_two_sides_are_one() -> None:
    wire, steps = Wire(), list[str]()

    async def source() -> AsyncIterator[int]:
        try:
            await asyncio.get_running_loop().create_future()
            yield 1
        finally:
            await asyncio.sleep(0)
            steps.append("closed")

    stopped = Stream(make_plan(source(), wire.report), wire.send, Turns())
    task = asyncio.create_task(stopped.run())
    await asyncio.sleep(0)
    stopped.client_left()
    await asyncio.sleep(0)
    stopped.stop("expired")
    await task
    assert steps == ["closed"]
    assert wire.outcome.reason == "disconnected"
