"""Tests the time before the first byte: a failure has its true status, unless the grace has passed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jero.errors import ServiceUnavailable
from jero.framing.json import JSON_ARRAY
from jero.framing.sse import SSE
from jero.policy import StreamOutcome
from tests.streaming.connection import Connection, skip_time, start, stream


def fail() -> None:
    raise ValueError("too early")


async def fail_at_once() -> AsyncIterator[int]:
    fail()
    yield 0


async def fail_after_a_pause() -> AsyncIterator[int]:
    await asyncio.sleep(0)
    fail()
    yield 0


async def yield_what_has_no_json() -> AsyncIterator[Any]:
    yield object()


async def fail_in_setup() -> AsyncIterator[AsyncIterator[int]]:
    await asyncio.sleep(0)
    fail()
    yield fail_at_once()


async def fail_after_setup() -> AsyncIterator[AsyncIterator[int]]:
    yield fail_after_a_pause()


@asynccontextmanager
async def fail_to_enter() -> AsyncGenerator[AsyncIterator[int], None]:
    await asyncio.sleep(0)
    fail()
    yield fail_at_once()


@pytest.mark.parametrize(
    "source",
    [fail_at_once, fail_after_a_pause, yield_what_has_no_json, fail_in_setup, fail_after_setup, fail_to_enter],
)
async def test_a_failure_before_the_first_byte_is_raised_to_the_caller_and_not_logged(
    source: Any, caplog: pytest.LogCaptureFixture
) -> None:
    connection, handled = Connection(), list[Exception]()
    with pytest.raises((ValueError, TypeError)) as raised:
        await stream(source(), connection, framing=JSON_ARRAY, on_error=handled.append)
    assert handled == []
    assert caplog.records == []
    assert connection.messages == []
    assert connection.outcome.reason == "failed"
    assert connection.outcome.error is raised.value
    assert connection.outcome.first_item_after is None


async def test_items_that_came_before_a_failure_are_sent_first() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[int]:
        yield 1
        yield 2
        fail()

    await stream(source(), connection)
    assert connection.body == b"1\n2\n"
    assert not connection.is_complete
    assert connection.outcome.items == 2


def test_the_headers_are_sent_without_an_item_after_the_grace() -> None:
    async def test() -> None:
        connection, may_yield = Connection(), asyncio.Event()

        async def source() -> AsyncIterator[int]:
            await may_yield.wait()
            yield 1

        request = start(source(), connection, framing=JSON_ARRAY, first_item_grace=2.5)
        await connection.sent.wait()
        assert asyncio.get_running_loop().time() == 2.5
        assert connection.is_started
        await connection.wait_for_bytes(b"[")
        may_yield.set()
        await request
        assert connection.body == b"[1]"

    skip_time(test())


def test_a_failure_after_the_grace_cuts_the_transfer() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            await asyncio.sleep(3)
            fail()
            yield 0

        await stream(source(), connection, first_item_grace=2.5)
        assert connection.is_started
        assert not connection.is_complete

    skip_time(test())


def test_the_grace_includes_a_setup_that_is_not_declared() -> None:
    async def test() -> None:
        connection = Connection()

        async def items() -> AsyncIterator[int]:
            yield 1

        async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
            await asyncio.sleep(3)
            assert connection.is_started
            yield items()

        await stream(lifecycle(), connection, first_item_grace=2.5)
        assert connection.body == b"1\n"

    skip_time(test())


async def test_a_generator_without_a_lifecycle_keeps_its_first_item() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[list[int]]:
        yield [1]
        yield [2]

    await stream(source(), connection)
    assert connection.body == b"[1]\n[2]\n"
    assert connection.outcome.items == 2
    assert connection.outcome.first_item_after is not None


async def test_an_empty_stream_has_a_status_and_an_end() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[int]:
        for number in range(0):
            yield number

    await stream(source(), connection)
    assert connection.is_started
    assert connection.bodies == [b""]
    assert connection.is_complete


class Iterable:
    """An async iterable that is not a generator, and has no `aclose`."""

    def __aiter__(self) -> "Iterable":
        self.left = 2
        return self

    async def __anext__(self) -> int:
        if self.left == 0:
            raise StopAsyncIteration
        self.left -= 1
        return self.left


async def test_any_async_iterable_is_a_source() -> None:
    connection = Connection()
    await stream(Iterable(), connection)
    assert connection.body == b"1\n0\n"
    assert connection.is_complete


async def test_a_context_manager_that_does_not_enter_to_an_iterable_is_left_again() -> None:
    connection, steps = Connection(), list[str]()

    @asynccontextmanager
    async def manager() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            steps.append("left")

    with pytest.raises(TypeError, match="async"):
        await stream(manager(), connection)
    assert steps == ["left"]


class Database:
    """Lifecycles and context managers whose setup takes two seconds, and then may fail."""

    def __init__(self, *, fails: bool) -> None:
        self._fails = fails

    async def _connect(self) -> None:
        await asyncio.sleep(2)
        if self._fails:
            raise ServiceUnavailable("no connection")

    async def lifecycle(self) -> AsyncGenerator[AsyncIterable[int], StreamOutcome]:
        await self._connect()
        yield self.slow()

    @asynccontextmanager
    async def manager(self) -> AsyncGenerator[AsyncIterable[int], None]:
        await self._connect()
        yield self.slow()

    async def slow(self) -> AsyncIterator[int]:
        await asyncio.sleep(1)
        yield 1


async def connected() -> AsyncGenerator[AsyncIterable[int], StreamOutcome]:
    await asyncio.sleep(2)
    yield Database(fails=False).slow()


@pytest.mark.parametrize("kind", ["lifecycle", "manager"])
def test_a_slow_setup_that_fails_has_its_true_status(kind: str) -> None:
    async def test() -> None:
        connection = Connection()
        with pytest.raises(ServiceUnavailable, match="no connection"):
            await stream(getattr(Database(fails=True), kind)(), connection, framing=SSE, first_item_grace=0.1)
        assert connection.messages == []

    skip_time(test())


@pytest.mark.parametrize(
    "source",
    [Database(fails=False).lifecycle, Database(fails=False).manager, connected],
    ids=["method", "manager", "global"],
)
def test_the_grace_begins_when_the_setup_has_ended(source: Callable[[], object]) -> None:
    async def test() -> None:
        connection, loop = Connection(), asyncio.get_running_loop()
        request = start(source(), connection, framing=SSE, first_item_grace=0.1)
        await connection.sent.wait()
        assert loop.time() == pytest.approx(2.1)
        await request
        assert connection.body == b"data: 1\n\n"

    skip_time(test())
