"""Tests the time limits of a stream: of one send, of the whole stream, and of its teardown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from time import time

import pytest

from jero.errors import ServiceUnavailable
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.framing.raw import RAW
from jero.framing.sse import SSE
from jero.http.asgi import Scope, Send
from jero.policy import EndReason, StreamOutcome, StreamPolicy
from jero.streaming.limits import LEAVE_SECONDS
from tests.streaming.connection import Connection, skip_time, start, stream


def test_a_client_that_takes_nothing_is_dropped_at_send_timeout() -> None:
    async def test() -> None:
        connection, closed = Connection(), list[str]()

        async def source() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 1_000
            finally:
                closed.append("source")

        connection.block()
        await stream(source(), connection, framing=RAW, policy=StreamPolicy(send_timeout=7))
        assert asyncio.get_running_loop().time() == pytest.approx(7)
        assert connection.outcome.reason == "stalled"
        assert closed == ["source"]
        assert not connection.is_complete

    skip_time(test())


@pytest.mark.parametrize(("server_takes", "over_at"), [(0.05, 7.05), (1_000, 7 + LEAVE_SECONDS)])
def test_a_request_ends_after_its_server_has_seen_the_dropped_connection(server_takes: float, over_at: float) -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000

        def drop(scope: Scope, send: Send, since: float) -> bool:
            asyncio.get_running_loop().call_later(server_takes, connection.leave)
            return True

        connection.block()
        await stream(source(), connection, framing=RAW, policy=StreamPolicy(send_timeout=7), drop_connection=drop)
        assert asyncio.get_running_loop().time() == pytest.approx(over_at)
        assert connection.outcome.reason == "stalled"

    skip_time(test())


@pytest.mark.parametrize(("max_duration", "over_at"), [(None, 30), (1_000, 30), (10, 10)])
def test_a_stream_ends_when_its_credentials_expire(max_duration: float | None, over_at: float) -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(1_000)

        policy = StreamPolicy(max_duration=max_duration)
        await stream(source(), connection, policy=policy, expires_at=time() + 30, final_frame=final_frame, framing=SSE)
        assert asyncio.get_running_loop().time() == pytest.approx(over_at, rel=0.1)
        assert connection.outcome.reason == "expired"
        assert connection.is_complete

    skip_time(test())


def test_credentials_that_expired_before_the_stream_began_end_it_at_once() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            await asyncio.sleep(1_000)
            yield 1

        with pytest.raises(ServiceUnavailable):
            await stream(source(), connection, expires_at=time() - 30)
        assert asyncio.get_running_loop().time() == pytest.approx(0, abs=0.01)
        assert connection.outcome.reason == "expired"

    skip_time(test())


def test_a_ping_that_is_not_taken_stalls_the_stream() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(1_000)

        request = start(source(), connection, keepalive=10, policy=StreamPolicy(send_timeout=7))
        await connection.wait_for_bytes(b"1\n")
        connection.block()
        await request
        assert asyncio.get_running_loop().time() == pytest.approx(17)
        assert connection.outcome.reason == "stalled"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    skip_time(test())


def test_an_end_of_the_body_that_is_not_taken_is_given_up() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(1)
            connection.block()

        await stream(source(), connection, policy=StreamPolicy(send_timeout=7))
        assert asyncio.get_running_loop().time() == pytest.approx(8)
        assert not connection.is_complete

    skip_time(test())


def test_a_slow_client_that_takes_each_chunk_in_time_is_not_dropped() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b"x" * 65_536

        async def read_slowly() -> None:
            await connection.sent.wait()
            while not connection.outcomes:
                connection.block()
                await asyncio.sleep(6)
                connection.unblock()
                await asyncio.sleep(0)

        reader = asyncio.create_task(read_slowly())
        await stream(source(), connection, framing=RAW, policy=StreamPolicy(send_timeout=7))
        await reader
        assert connection.outcome.reason == "completed"
        assert len(connection.body) == 5 * 65_536

    skip_time(test())


def final_frame(reason: EndReason) -> bytes:
    return reason.encode()


@pytest.mark.parametrize("framing", [NDJSON, JSON_ARRAY, SSE])
def test_max_duration_ends_a_stream_at_most_a_tenth_early(framing: object) -> None:
    async def test() -> float:
        connection, closed = Connection(), list[str]()

        async def source() -> AsyncIterator[int]:
            try:
                while True:
                    yield 1
                    await asyncio.sleep(1)
            finally:
                closed.append("source")

        reconnects = framing is SSE
        await stream(
            source(),
            connection,
            framing=framing,
            policy=StreamPolicy(max_duration=100),
            final_frame=final_frame if reconnects else None,
        )
        assert connection.outcome.reason == "expired"
        assert closed == ["source"]
        assert connection.is_complete is reconnects
        assert connection.body.endswith(b"expired") is reconnects
        return asyncio.get_running_loop().time()

    times = [skip_time(test()) for _ in range(5)]
    assert all(90 <= time <= 100 for time in times)
    assert len(set(times)) > 1


def test_max_duration_ends_a_source_that_never_pauses() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            while True:
                yield 1

        async with asyncio.timeout(10):
            await stream(source(), connection, policy=StreamPolicy(max_duration=0.02))
        assert connection.outcome.reason == "expired"
        assert connection.body == b"1\n" * connection.outcome.items  # every framed item was sent

    asyncio.run(test())


def test_a_stream_that_expires_before_its_first_byte_is_answered_with_503() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            await asyncio.sleep(1_000)
            yield 1

        with pytest.raises(Exception, match="before it began") as raised:
            await stream(source(), connection, policy=StreamPolicy(max_duration=1, first_item_grace=100))
        assert getattr(raised.value, "status", None) == 503
        assert connection.messages == []

    skip_time(test())


def test_a_source_may_yield_a_last_item_when_it_is_cancelled() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[str]:
            yield "first"
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                yield "last"

        await stream(source(), connection, policy=StreamPolicy(max_duration=1))
        assert connection.body == b'"first"\n"last"\n'
        assert connection.outcome.reason == "expired"

    skip_time(test())


def test_a_teardown_that_takes_too_long_is_cancelled() -> None:
    async def test() -> None:
        connection, steps = Connection(), list[str]()

        async def items() -> AsyncIterator[int]:
            yield 1

        async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
            yield items()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                steps.append("cancelled")

        began = asyncio.get_running_loop().time()
        await stream(lifecycle(), connection, policy=StreamPolicy(teardown_timeout=3))
        assert asyncio.get_running_loop().time() - began == pytest.approx(3)
        assert steps == ["cancelled"]
        assert connection.outcome.reason == "failed"
        assert isinstance(connection.outcome.error, TimeoutError)
        assert not connection.is_complete

    skip_time(test())


def test_a_source_that_takes_too_long_to_close_is_cancelled() -> None:
    async def test() -> None:
        connection, waiting = Connection(), asyncio.Event()

        async def source() -> AsyncIterator[int]:
            try:
                yield 1
                waiting.set()
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.get_running_loop().create_future()

        request = start(source(), connection, policy=StreamPolicy(teardown_timeout=3))
        await waiting.wait()
        connection.leave()
        await request
        assert asyncio.get_running_loop().time() == pytest.approx(3)
        assert isinstance(connection.outcome.error, TimeoutError)

    skip_time(test())


def test_a_teardown_that_ignores_its_cancellation_is_left_running(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        connection = Connection()
        may_end = asyncio.Event()

        async def items() -> AsyncIterator[int]:
            yield 1

        async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
            yield items()
            while not may_end.is_set():
                try:
                    await may_end.wait()
                except asyncio.CancelledError:
                    continue

        await stream(lifecycle(), connection, policy=StreamPolicy(teardown_timeout=3))
        assert asyncio.get_running_loop().time() == pytest.approx(6)
        assert "it is left running" in caplog.text
        may_end.set()
        (left_over,) = asyncio.all_tasks() - {asyncio.current_task()}
        await left_over

    skip_time(test())


def test_the_report_has_the_time_of_a_teardown_for_itself() -> None:
    async def test() -> None:
        connection, steps = Connection(), list[str]()

        async def items() -> AsyncIterator[int]:
            yield 1
            await asyncio.get_running_loop().create_future()

        async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
            yield items()
            await asyncio.sleep(2)
            steps.append("torn down")

        async def on_end(outcome: StreamOutcome) -> None:
            await asyncio.sleep(2)
            steps.append(outcome.reason)

        request = start(lifecycle(), connection, on_end=on_end, policy=StreamPolicy(teardown_timeout=3))
        await connection.wait_for_bytes(b"1\n")
        connection.leave()
        await request
        assert steps == ["torn down", "disconnected"]
        assert asyncio.get_running_loop().time() == 4

    skip_time(test())


def test_an_error_of_the_final_send_does_not_replace_the_ending(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            yield 1
            try:
                await asyncio.sleep(1_000)
            finally:
                connection.send_error = LookupError("of the final send")

        await stream(source(), connection, policy=StreamPolicy(max_duration=1), final_frame=final_frame, framing=SSE)
        assert connection.outcome.reason == "expired"
        assert connection.outcome.error is None
        assert not connection.is_complete

    skip_time(test())
    assert "a further failure" in caplog.text
    assert "of the final send" in caplog.text


def test_a_teardown_that_takes_too_long_drops_a_client_that_takes_nothing() -> None:
    async def test() -> None:
        connection, dropped = Connection(), list[float]()

        async def source() -> AsyncIterator[int]:
            try:
                yield 1
                await asyncio.sleep(1_000)
            finally:
                with suppress(asyncio.CancelledError):  # it is cancelled a second time
                    await asyncio.get_running_loop().create_future()
                await asyncio.get_running_loop().create_future()

        def drop(scope: Scope, send: Send, since: float) -> bool:
            dropped.append(asyncio.get_running_loop().time())
            return True

        policy = StreamPolicy(send_timeout=1_000, teardown_timeout=3)
        request = start(source(), connection, keepalive=10, policy=policy, expires_at=time() + 20, drop_connection=drop)
        await connection.wait_for_bytes(b"1\n")
        connection.block()  # the ping waits
        await request
        assert dropped == [pytest.approx(23, abs=0.1)]
        assert isinstance(connection.outcome.error, TimeoutError)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    skip_time(test())


def test_a_teardown_that_takes_too_long_sends_nothing_more_and_drops_no_client_that_reads() -> None:
    async def test() -> None:
        connection, steps = Connection(), list[object]()

        async def items() -> AsyncIterator[int]:
            yield 1

        async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
            yield items()
            await asyncio.get_running_loop().create_future()

        def drop(scope: Scope, send: Send, since: float) -> bool:
            steps.append(scope)
            return True

        policy = StreamPolicy(teardown_timeout=3)
        await stream(lifecycle(), connection, policy=policy, on_error=steps.append, drop_connection=drop)
        assert steps == []
        assert connection.body == b"1\n"
        assert connection.outcome.reason == "failed"

    skip_time(test())


def test_a_stop_while_the_rest_of_a_completed_source_is_sent_changes_nothing() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            await asyncio.sleep(0)
            connection.block()
            yield 1

        request = start(source(), connection, policy=StreamPolicy(send_timeout=100, max_duration=10))
        await asyncio.sleep(50)
        connection.unblock()
        await request
        assert connection.outcome.reason == "completed"
        assert connection.is_complete

    skip_time(test())
