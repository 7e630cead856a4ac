"""The hook for the start of a stream: when it is called, how long it may take, and what happens if it fails."""

import asyncio
import contextvars
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from jero.errors import ServiceUnavailable
from jero.policy import StreamOutcome, StreamPolicy, StreamStart
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.connection import Connection, make_plan, skip_time, start, stream, stream_task

variable = contextvars.ContextVar[str]("variable", default="unset")


class Steps:
    """Records in which order a stream does things, and which `variable` it sees then. `on_start` sets the variable."""

    def __init__(self, pause: Callable[[], Awaitable[object]]) -> None:
        self.steps: list[tuple[str, str]] = []
        self._pause = pause

    def add(self, step: str) -> None:
        self.steps.append((step, variable.get()))

    async def on_start(self, report: StreamStart) -> None:
        await self._pause()
        variable.set("of the start")
        self.add("start")

    async def on_end(self, outcome: StreamOutcome) -> None:
        self.add("end")

    async def items(self) -> AsyncIterator[int]:
        self.add("item")
        yield 1
        await asyncio.sleep(0)

    async def lifecycle(self) -> AsyncIterator[AsyncIterator[int]]:
        yield self.items()

    @asynccontextmanager
    async def manager(self) -> AsyncGenerator[AsyncIterator[int], None]:
        yield self.items()

    def in_a_thread(self) -> Iterator[int]:
        self.add("item")
        yield 1


SOURCES = (Steps.items, Steps.lifecycle, Steps.manager, Steps.in_a_thread)


async def no_pause() -> None:
    """Returns at once."""


PAUSES = {"no pause": no_pause, "a turn": lambda: asyncio.sleep(0), "a thread": lambda: asyncio.to_thread(int)}


@pytest.mark.parametrize("pause", PAUSES.values(), ids=PAUSES)
@pytest.mark.parametrize("make", SOURCES)
async def test_the_start_is_reported_before_the_source_is_opened_and_in_its_context(
    make: Callable[[Steps], Any], pause: Callable[[], Awaitable[object]]
) -> None:
    steps, connection = Steps(pause), Connection()
    await stream(make(steps), connection, on_start=steps.on_start, on_end=steps.on_end)
    assert steps.steps == [(step, "of the start") for step in ("start", "item", "end")]
    assert variable.get() == "unset"
    assert connection.body == b"1\n"
    assert connection.is_complete


@pytest.mark.usefixtures("long_turns")
async def test_a_hook_that_does_not_pause_costs_no_turn() -> None:
    steps, connection, turns = Steps(no_pause), Connection(), list[int]()
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await stream([1, 2], connection, on_start=steps.on_start)
    assert turns == []
    assert connection.receive_calls == 0
    assert steps.steps == [("start", "of the start")]
    assert connection.outcome.reason == "completed"


async def raise_an_error() -> None:
    raise ValueError("of the hook")


async def cancel_itself() -> None:
    raise asyncio.CancelledError


async def await_a_cancelled_future() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def exit_the_process() -> None:
    raise SystemExit


@pytest.mark.parametrize("fail", [raise_an_error, cancel_itself, await_a_cancelled_future, exit_the_process])
@pytest.mark.parametrize("pause", PAUSES.values(), ids=PAUSES)
async def test_what_a_hook_raises_is_logged_and_the_stream_goes_on(
    fail: Callable[[], Awaitable[None]], pause: Callable[[], Awaitable[object]], caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection()

    async def on_start(report: StreamStart) -> None:
        await pause()
        await fail()

    await stream([1, 2], connection, on_start=on_start)
    assert connection.body == b"1\n2\n"
    assert connection.is_complete
    assert connection.outcome.reason == "completed"
    (record,) = caplog.records
    assert record.getMessage() == "GET Endpoint: _on_stream_start failed"


async def test_a_hook_that_cannot_be_awaited_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection()

    def on_start(report: StreamStart) -> None:
        """Returns nothing to wait for."""

    await stream([1, 2], connection, on_start=on_start)
    assert connection.is_complete
    assert "_on_stream_start failed" in caplog.text


class Hook:
    """A hook that waits until the test lets it go on. `ends`: how often it was allowed to end."""

    def __init__(self) -> None:
        self.is_called = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ends = 0

    async def __call__(self, report: StreamStart) -> None:
        self.is_called.set()
        await self.may_end.wait()
        self.ends += 1


async def never() -> AsyncIterator[int]:
    yield pytest.fail("the source was opened")


@pytest.mark.parametrize("leave", [Connection.leave, None])
async def test_a_client_that_leaves_does_not_break_off_the_hook(leave: Callable[[Connection], None] | None) -> None:
    hook, connection = Hook(), Connection()
    request = start(never(), connection, on_start=hook)
    await hook.is_called.wait()
    if leave is None:
        request.cancel()
    else:
        leave(connection)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not request.done()
    hook.may_end.set()
    await asyncio.wait((request,))
    assert request.cancelled() == (leave is None)
    assert hook.ends == 1
    assert connection.outcome.reason == "disconnected"
    assert connection.messages == []


@pytest.mark.parametrize("make", SOURCES)
async def test_a_client_that_stays_waits_for_the_hook(make: Callable[[Steps], Any]) -> None:
    hook, connection = Hook(), Connection()
    request = start(make(Steps(no_pause)), connection, on_start=hook)
    await hook.is_called.wait()
    await asyncio.sleep(0)
    assert connection.messages == []
    hook.may_end.set()
    await request
    assert connection.is_complete
    assert connection.outcome.reason == "completed"


def test_a_hook_that_hangs_has_the_time_of_a_teardown_and_the_stream_its_own(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        hook, connection = Hook(), Connection()

        async def source() -> AsyncIterator[int]:
            assert asyncio.get_running_loop().time() == 3
            yield 1
            await asyncio.get_running_loop().create_future()

        request = start(source(), connection, on_start=hook, policy=StreamPolicy(teardown_timeout=3))
        await connection.wait_for_bytes(b"1\n")
        connection.leave()
        await request
        assert hook.ends == 0
        assert connection.outcome.reason == "disconnected"
        assert connection.outcome.error is None

    skip_time(test())
    assert "GET Endpoint: _on_stream_start failed" in caplog.text
    assert "left running" not in caplog.text


def test_a_hook_that_ignores_its_time_is_left_running_and_its_source_is_not_opened() -> None:
    async def test() -> None:
        connection, may_end = Connection(), asyncio.Event()

        async def on_start(report: StreamStart) -> None:
            while not may_end.is_set():
                with suppress(asyncio.CancelledError):
                    await may_end.wait()

        await start(never(), connection, on_start=on_start, policy=StreamPolicy(teardown_timeout=3))
        assert asyncio.get_running_loop().time() == 6
        task = stream_task()
        assert connection.outcomes == []
        may_end.set()
        await task
        assert connection.outcome.reason == "disconnected"
        assert connection.messages == []

    skip_time(test())


@pytest.mark.parametrize("limit", ["max_duration", "expires_at", "drain"])
def test_a_stream_whose_time_is_over_in_its_hook_is_not_opened(limit: str) -> None:
    async def test() -> None:
        hook, connection, streams = Hook(), Connection(), OpenStreams()
        policy = StreamPolicy(max_duration=5 if limit == "max_duration" else None, drain_timeout=5)
        expires_at = time.time() + 5 if limit == "expires_at" else None
        plan = make_plan(never(), connection.report, on_start=hook, policy=policy, expires_at=expires_at)
        request = asyncio.create_task(send_stream(plan, streams, connection.receive, connection.send))
        await hook.is_called.wait()
        if limit == "drain":
            streams.drain()
        await asyncio.sleep(5.1)
        hook.may_end.set()
        with pytest.raises(ServiceUnavailable):
            await request
        assert connection.outcome.reason == ("shutdown" if limit == "drain" else "expired")

    skip_time(test())


def test_the_time_of_a_stream_begins_before_its_hook() -> None:
    async def test() -> None:
        connection = Connection()

        async def on_start(report: StreamStart) -> None:
            await asyncio.sleep(5)

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.get_running_loop().create_future()

        await stream(source(), connection, on_start=on_start, policy=StreamPolicy(max_duration=8))
        assert 7.2 <= asyncio.get_running_loop().time() <= 8
        assert connection.outcome.reason == "expired"

    skip_time(test())


def test_the_grace_and_the_pings_begin_after_the_hook() -> None:
    async def test() -> None:
        connection = Connection()

        async def on_start(report: StreamStart) -> None:
            await asyncio.sleep(8)
            assert connection.messages == []

        async def source() -> AsyncIterator[int]:
            await asyncio.get_running_loop().create_future()
            yield 1

        request = start(source(), connection, on_start=on_start, keepalive=3, first_item_grace=2)
        await connection.sent.wait()
        assert asyncio.get_running_loop().time() == 10
        await connection.wait_for_bytes(b"\n")
        assert asyncio.get_running_loop().time() == 13
        connection.leave()
        await request

    skip_time(test())
