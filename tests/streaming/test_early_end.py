"""Tests streams that end, fail or block before their first pause, or at it: no timer runs until then."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from time import time
from typing import Any

import pytest

from jero.framing.sse import SSE
from jero.policy import EndReason, StreamOutcome, StreamPolicy
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.connection import (
    Connection,
    make_plan,
    pass_time,
    skip_time,
    start,
    stream,
)


async def wait_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def idle(steps: list[str]) -> AsyncIterator[int]:
    try:
        yield 1
        await wait_for_ever()
    finally:
        await asyncio.sleep(0)
        steps.append("closed")


async def count(steps: list[str]) -> AsyncIterator[int]:
    try:
        for number in range(20_000):
            yield number
    finally:
        await asyncio.sleep(0)
        steps.append("closed")


SOURCES: list[Callable[[list[str]], AsyncIterator[int]]] = [idle, count]


@pytest.mark.parametrize("source", SOURCES)
async def test_a_client_that_is_slow_from_the_first_byte_is_waited_for(
    source: Callable[[list[str]], AsyncIterator[int]],
) -> None:
    connection, steps = Connection(), list[str]()
    connection.block()
    request = start(source(steps), connection)
    await connection.blocked.wait()
    assert connection.messages == []
    connection.unblock()
    await connection.wait_for_bytes(b"1\n")
    if source is idle:
        connection.leave()
    await request
    assert steps == ["closed"]
    assert connection.outcome.reason == ("disconnected" if source is idle else "completed")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("end", ["leave", "cancel"])
async def test_a_client_that_leaves_while_the_first_send_waits_ends_the_source(
    source: Callable[[list[str]], AsyncIterator[int]], end: str
) -> None:
    connection, steps = Connection(), list[str]()
    connection.block()
    request = start(source(steps), connection)
    await connection.blocked.wait()
    if end == "leave":
        connection.leave()
        await request
    else:
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    assert steps == ["closed"]
    assert connection.messages == []
    assert connection.outcome.reason == "disconnected"


@pytest.mark.parametrize(("error", "reason"), [(OSError("gone"), "disconnected"), (LookupError("of send"), "failed")])
@pytest.mark.parametrize("source", SOURCES)
async def test_a_send_that_fails_in_the_first_step_ends_the_source(
    source: Callable[[list[str]], AsyncIterator[int]], error: Exception, reason: str
) -> None:
    connection, steps = Connection(), list[str]()
    connection.send_error = error
    async with asyncio.timeout(20):
        await stream(source(steps), connection)
    assert steps == ["closed"]
    assert connection.outcome.reason == reason
    assert connection.outcome.error is (error if reason == "failed" else None)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("pauses_in_teardown", [True, False])
def test_an_exit_of_the_process_in_the_first_step_is_raised_after_the_teardown(
    kind: type[BaseException], *, pauses_in_teardown: bool
) -> None:
    connection, steps = Connection(), list[str]()

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            raise kind
        finally:
            if pauses_in_teardown:
                await asyncio.sleep(0)
            steps.append("closed")

    with pytest.raises(kind):
        asyncio.run(stream(source(), connection))
    assert steps == ["closed"]
    assert isinstance(connection.outcome.error, kind)


def final_frame(reason: EndReason) -> bytes:
    return reason.encode()


@pytest.mark.parametrize("reconnects", [True, False])
def test_a_source_that_shuts_the_server_down_in_its_first_step_is_drained(*, reconnects: bool) -> None:
    async def test() -> None:
        connection, streams = Connection(), OpenStreams()

        async def source() -> AsyncIterator[int]:
            streams.drain()
            yield 1
            await wait_for_ever()

        frame = final_frame if reconnects else None
        policy = StreamPolicy(drain_timeout=5)
        plan = make_plan(source(), connection.report, framing=SSE, final_frame=frame, policy=policy)
        await send_stream(plan, streams, connection.receive, connection.send)
        assert connection.outcome.reason == "shutdown"
        assert connection.body == b"data: 1\n\n" + (b"shutdown" if reconnects else b"")
        assert connection.is_complete is reconnects
        assert asyncio.get_running_loop().time() == (0 if reconnects else 5)
        assert len(streams) == 0

    skip_time(test())


async def test_a_stream_that_is_over_in_its_first_step_is_not_drained() -> None:
    connection, streams = Connection(), OpenStreams()

    async def source() -> AsyncIterator[int]:
        streams.drain()
        yield 1

    plan = make_plan(source(), connection.report, final_frame=final_frame)
    await send_stream(plan, streams, connection.receive, connection.send)
    assert connection.outcome.reason == "completed"
    assert connection.body == b"1\n"


@pytest.mark.usefixtures("long_turns")
def test_a_stream_that_is_over_in_its_first_step_makes_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        connection, timers = Connection(), list[object]()

        def call_at(*arguments: Any, **options: Any) -> None:
            timers.append(arguments)

        monkeypatch.setattr(asyncio.get_running_loop(), "call_at", call_at)
        policy = StreamPolicy(max_duration=1, first_item_grace=1, send_timeout=1, teardown_timeout=1)
        await stream(items(), connection, policy=policy, keepalive=1, expires_at=time() + 60)
        assert connection.is_complete
        assert timers == []

    skip_time(test())


def test_times_count_from_the_first_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", max)

    async def source() -> AsyncIterator[int]:
        pass_time(50)
        yield 1
        await wait_for_ever()

    async def run(reason: EndReason, connection: Connection, policy: StreamPolicy) -> float:
        await stream(source(), connection, policy=policy)
        assert connection.outcome.reason == reason
        return asyncio.get_running_loop().time()

    async def expire() -> float:
        return await run("expired", Connection(), StreamPolicy(max_duration=10))

    async def stall() -> float:
        connection = Connection()
        connection.block()
        return await run("stalled", connection, StreamPolicy(send_timeout=7))

    assert skip_time(expire()) == 60
    assert skip_time(stall()) == 57


def test_the_first_item_grace_counts_from_the_first_pause() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            pass_time(50)
            await wait_for_ever()
            yield 1

        request = start(source(), connection, first_item_grace=2.5)
        await connection.sent.wait()
        assert asyncio.get_running_loop().time() == 52.5
        connection.leave()
        await request

    skip_time(test())


async def items() -> AsyncIterator[int]:
    yield 1


async def hang_in_the_teardown() -> AsyncIterator[AsyncIterator[int]]:
    yield items()
    await wait_for_ever()


async def fail() -> AsyncIterator[int]:
    yield 1
    raise ValueError("of the source")


async def hang_in_on_error(error: Exception) -> None:
    await wait_for_ever()


def hang_in_on_end(connection: Connection) -> Callable[[StreamOutcome], Awaitable[None]]:
    async def on_end(outcome: StreamOutcome) -> None:
        await connection.report(outcome)
        await wait_for_ever()

    return on_end


@pytest.mark.parametrize(
    ("source", "reason"),
    [(hang_in_the_teardown, "failed"), (fail, "failed"), (items, "completed")],
)
def test_a_teardown_that_pauses_first_is_bounded(
    source: Callable[[], AsyncIterator[object]], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        connection = Connection()
        on_error = hang_in_on_error if source is fail else None
        on_end = hang_in_on_end(connection) if source is items else connection.report
        policy = StreamPolicy(teardown_timeout=3, max_duration=1, send_timeout=1)
        await stream(source(), connection, policy=policy, on_error=on_error, on_end=on_end)
        assert asyncio.get_running_loop().time() == 3
        assert connection.outcome.reason == reason
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    skip_time(test())
    assert "left running" not in caplog.text


def test_an_end_of_the_body_that_pauses_first_is_bounded() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[AsyncIterator[int]]:
            yield items()
            connection.block()

        await stream(source(), connection, policy=StreamPolicy(send_timeout=7, teardown_timeout=3))
        assert asyncio.get_running_loop().time() == 7
        assert not connection.is_complete

    skip_time(test())


async def short(number: int) -> AsyncIterator[int]:
    for item in range(number % 3):
        yield item


@pytest.mark.usefixtures("long_turns")
async def test_a_thousand_short_streams_leave_no_task_and_no_garbage() -> None:
    async def run(number: int) -> None:
        connection = Connection()
        await stream(short(number), connection)
        assert connection.outcome.reason == "completed"
        assert connection.receive_calls == 0

    await run(1)
    await asyncio.sleep(0)
    gc.collect()
    gc.disable()
    try:
        for number in range(1_000):
            await run(number)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert gc.collect() < 10
    finally:
        gc.enable()
