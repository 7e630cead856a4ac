"""Limits that end a stream: a client that takes nothing, a time that is over."""

import asyncio
from collections.abc import AsyncIterator
from time import time

import pytest

from jero.errors import ServiceUnavailable
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.framing.raw import RAW
from jero.framing.sse import SSE
from jero.http.asgi import Scope, Send
from jero.policy import EndReason, StreamPolicy
from jero.streaming.limits import LEAVE_SECONDS
from tests.streaming.wire import Wire, skip_time, start, stream


def test_a_client_that_takes_nothing_is_dropped_at_send_timeout() -> None:
    async def test() -> None:
        wire, closed = Wire(), list[str]()

        async def source() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 1_000
            finally:
                closed.append("source")

        wire.block()
        await stream(source(), wire, framing=RAW, policy=StreamPolicy(send_timeout=7))
        assert asyncio.get_running_loop().time() == pytest.approx(7)
        assert wire.outcome.reason == "stalled"
        assert closed == ["source"]
        assert not wire.is_complete

    skip_time(test())


@pytest.mark.parametrize(("server_takes", "over_at"), [(0.05, 7.05), (1_000, 7 + LEAVE_SECONDS)])
def test_a_server_sees_a_dropped_connection_before_its_request_ends(server_takes: float, over_at: float) -> None:
    async def test() -> None:
        wire = Wire()

        async def source() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000

        def drop(scope: Scope, send: Send, since: float) -> bool:
            asyncio.get_running_loop().call_later(server_takes, wire.leave)
            return True

        wire.block()
        await stream(source(), wire, framing=RAW, policy=StreamPolicy(send_timeout=7), drop_connection=drop)
        assert asyncio.get_running_loop().time() == pytest.approx(over_at)
        assert wire.outcome.reason == "stalled"

    skip_time(test())


@pytest.mark.parametrize(("max_duration", "over_at"), [(None, 30), (1_000, 30), (10, 10)])
def test_it_ends_with_its_credential(max_duration: float | None, over_at: float) -> None:
    async def test() -> None:
        wire = Wire()

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(1_000)

        policy = StreamPolicy(max_duration=max_duration)
        await stream(source(), wire, policy=policy, expires_at=time() + 30, final_frame=farewell, framing=SSE)
        assert asyncio.get_running_loop().time() == pytest.approx(over_at, rel=0.1)
        assert wire.outcome.reason == "expired"
        assert wire.is_complete

    skip_time(test())


def test_one_that_ran_out_before_the_stream_began_ends_it_at_once() -> None:
    async def test() -> None:
        wire = Wire()

        async def source() -> AsyncIterator[int]:
            await asyncio.sleep(1_000)
            yield 1

        with pytest.raises(ServiceUnavailable):
            await stream(source(), wire, expires_at=time() - 30)
        assert asyncio.get_running_loop().time() == pytest.approx(0, abs=0.01)
        assert wire.outcome.reason == "expired"

    skip_time(test())


def test_a_ping_that_is_not_taken_stalls_too() -> None:
    async def test() -> None:
        wire = Wire()

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(1_000)

        request = start(source(), wire, keepalive=10, policy=StreamPolicy(send_timeout=7))
        await wire.wait_for_bytes(b"1\n")
        wire.block()
        await request
        assert asyncio.get_running_loop().time() == pytest.approx(17)
        assert wire.outcome.reason == "stalled"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    skip_time(test())


def test_the_end_of_a_body_that_is_not_taken_is_given_up() -> None:
    async def test() -> None:
        wire = Wire()

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(1)
            wire.block()

        await stream(source(), wire, policy=StreamPolicy(send_timeout=7))
        assert asyncio.get_running_loop().time() == pytest.approx(8)
        assert not wire.is_complete

    skip_time(test())


def test_a_slow_client_that_takes_each_chunk_in_time_is_not_dropped() -> None:
    async def test() -> None:
        wire = Wire()

        async def source() -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b"x" * 65_536

        async def read_slowly() -> None:
            await wire.sent.wait()
            while not wire.outcomes:
                wire.block()
                await asyncio.sleep(6)
                wire.unblock()
                await asyncio.sleep(0)

        reader = asyncio.create_task(read_slowly())
        await stream(source(), wire, framing=RAW, policy=StreamPolicy(send_timeout=7))
        await reader
        assert wire.outcome.reason == "completed"
        assert len(wire.body) == 5 * 65_536

    skip_time(test())


def farewell(reason: EndReason) -> bytes:
    return reason.encode()


@pytest.mark.parametrize("framing", [NDJSON, JSON_ARRAY, SSE])
def test_max_duration_ends_a_stream_within_a_tenth_before_it(framing: object) -> None:
    async def test() -> float:
        wire, closed = Wire(), list[str]()

        async def source() -> AsyncIterator[int]:
            try:
                while True:
                    yield 1
                    await asyncio.sleep(1)
            finally:
                closed.append("source")

        comes_back = framing is SSE
        await stream(
            source(),
            wire,
            framing=framing,
            policy=StreamPolicy(max_duration=100),
            final_frame=farewell if comes_back else None,
        )
        assert wire.outcome.reason == "expired"
        assert closed == ["source"]
        assert wire.is_complete is comes_back
        assert wire.body.endswith(b"expired") is comes_back
        return asyncio.get_running_loop().time()

    times = [skip_time(test()) for _ in range(5)]
    assert all(90 <= time <= 100 for time in times)
    assert len(set(times)) > 1


def test_max_duration_ends_a_source_that_never_pauses() -> None:
    async def test() -> None:
        wire = Wire()

        async def source() -> AsyncIterator[int]:
            while True:
                yield 1

        async with asyncio.timeout(10):
            await stream(source(), wire, policy=StreamPolicy(max_duration=0.02))
        assert wire.outcome.reason == "expired"
        assert wire.body == b"1\n" * wire.outcome.items  # what was framed was sent

    asyncio.run(test())


def test_a_stream_that_expires_before_its_first_byte_is_the_callers_to_answer() -> None:
    async def test() -> None:
        wire = Wire()

        async def source() -> AsyncIterator[int]:
            await asyncio.sleep(1_000)
            yield 1

        with pytest.raises(Exception, match="before it began") as raised:
            await stream(source(), wire, policy=StreamPolicy(max_duration=1, first_item_grace=100))
        assert getattr(raised.value, "status", None) == 503
        assert wire.messages == []

    skip_time(test())


def test_a_source_may_say_a_last_word_when_it_is_told_to_end() -> None:
    async def test() -> None:
        wire = Wire()

        async def source() -> AsyncIterator[str]:
            yield "first"
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                yield "last"

        await stream(source(), wire, policy=StreamPolicy(max_duration=1))
        assert wire.body == b'"first"\n"last"\n'
        assert wire.outcome.reason == "expired"

    skip_time(test())
