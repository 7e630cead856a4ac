"""A shutdown, as the streams see it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jero.framing.sse import SSE
from jero.policy import EndReason, StreamPolicy
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.wire import Wire, make_plan, skip_time


def farewell(reason: EndReason) -> bytes:
    return b"retry: 1\n\n" if reason == "shutdown" else b""


class Drained:
    """Streams that a shutdown meets half way."""

    def __init__(self) -> None:
        self.streams = OpenStreams()
        self.closed = 0

    async def idle(self) -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.get_running_loop().create_future()
        finally:
            self.closed += 1

    async def finishing(self, seconds: float) -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(seconds)
            yield 2
        finally:
            self.closed += 1

    def start(self, source: AsyncIterator[int], wire: Wire, **options: Any) -> asyncio.Task[None]:
        plan = make_plan(source, wire.report, **options)
        return asyncio.create_task(send_stream(plan, self.streams, wire.receive, wire.send))


def test_an_event_stream_ends_at_once_with_a_retry() -> None:
    async def test() -> None:
        wire, drained = Wire(), Drained()
        request = drained.start(drained.idle(), wire, framing=SSE, final_frame=farewell)
        await wire.wait_for_bytes(b"1")
        await drained.streams.drain()
        await request
        assert asyncio.get_running_loop().time() == 0
        assert wire.body == b"data: 1\n\nretry: 1\n\n"
        assert wire.is_complete
        assert wire.outcome.reason == "shutdown"
        assert drained.closed == 1

    skip_time(test())


def test_another_stream_may_finish_within_drain_timeout() -> None:
    async def test() -> None:
        wire, drained = Wire(), Drained()
        request = drained.start(drained.finishing(4), wire, policy=StreamPolicy(drain_timeout=5))
        await wire.wait_for_bytes(b"1\n")
        await drained.streams.drain()
        await request
        assert asyncio.get_running_loop().time() == 4
        assert wire.body == b"1\n2\n"
        assert wire.outcome.reason == "completed"

    skip_time(test())


def test_after_drain_timeout_it_is_cut() -> None:
    async def test() -> None:
        wire, drained = Wire(), Drained()
        request = drained.start(drained.finishing(100), wire, policy=StreamPolicy(drain_timeout=5))
        await wire.wait_for_bytes(b"1\n")
        await drained.streams.drain()
        await request
        assert asyncio.get_running_loop().time() == 5
        assert not wire.is_complete
        assert wire.outcome.reason == "shutdown"
        assert drained.closed == 1

    skip_time(test())


def test_a_teardown_is_bounded_by_the_shutdown() -> None:
    async def test() -> None:
        wire, drained = Wire(), Drained()

        async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
            yield drained.idle()
            await asyncio.sleep(1_000)

        plan = make_plan(lifecycle(), wire.report, policy=StreamPolicy(drain_timeout=5, teardown_timeout=100))
        request = asyncio.create_task(send_stream(plan, drained.streams, wire.receive, wire.send))
        await wire.wait_for_bytes(b"1\n")
        await drained.streams.drain()
        await request
        assert asyncio.get_running_loop().time() == pytest.approx(5.5)

    skip_time(test())


def test_a_stream_without_a_first_item_is_answered_with_503() -> None:
    async def test() -> None:
        wire, drained = Wire(), Drained()

        async def source() -> AsyncIterator[int]:
            await asyncio.get_running_loop().create_future()
            yield 1

        policy = StreamPolicy(drain_timeout=1, first_item_grace=100)
        request = drained.start(source(), wire, policy=policy)
        await asyncio.sleep(0)
        await drained.streams.drain()
        with pytest.raises(Exception, match="before it began"):
            await request
        assert wire.messages == []

    skip_time(test())


def test_a_cancelled_request_ends_as_a_shutdown_while_the_server_goes_down() -> None:
    async def test() -> None:
        wire, drained = Wire(), Drained()
        request = drained.start(drained.idle(), wire)
        await wire.wait_for_bytes(b"1\n")
        over = drained.streams.drain()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await over
        assert wire.outcome.reason == "shutdown"
        assert drained.closed == 1

    skip_time(test())


def test_a_stream_that_begins_during_the_shutdown_ends_by_it() -> None:
    async def test() -> None:
        wire, drained = Wire(), Drained()
        await drained.streams.drain()
        await drained.start(drained.idle(), wire, framing=SSE, final_frame=farewell)
        assert wire.outcome.reason == "shutdown"
        assert wire.body == b"retry: 1\n\n"

    skip_time(test())


def test_draining_twice_is_draining_once() -> None:
    async def test() -> None:
        wire, drained = Wire(), Drained()
        request = drained.start(drained.idle(), wire, framing=SSE, final_frame=farewell)
        await wire.wait_for_bytes(b"1")
        first, second = drained.streams.drain(), drained.streams.drain()
        await first
        await second
        await request
        assert wire.body.count(b"retry") == 1
        assert len(drained.streams) == 0

    skip_time(test())


def test_the_end_of_a_completed_stream_is_not_broken_off_by_a_shutdown() -> None:
    async def test() -> None:
        wire, drained = Wire(), Drained()

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(0)
            wire.block()

        request = drained.start(source(), wire, framing=SSE, final_frame=farewell)
        await wire.blocked.wait()
        over = drained.streams.drain()
        await asyncio.sleep(0)
        wire.unblock()
        await over
        await request
        assert wire.outcome.reason == "completed"
        assert wire.is_complete

    skip_time(test())
