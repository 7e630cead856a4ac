"""Until the first byte a failure has its true status; after the grace the headers leave without an item."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jero.errors import ServiceUnavailable
from jero.framing.json import JSON_ARRAY
from jero.framing.sse import SSE
from jero.policy import StreamOutcome
from tests.streaming.wire import Wire, skip_time, start, stream


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
async def test_a_failure_before_the_first_byte_is_the_callers_to_answer(source: Any) -> None:
    wire = Wire()
    with pytest.raises((ValueError, TypeError)) as raised:
        await stream(source(), wire)
    assert wire.messages == []
    assert wire.outcome.reason == "failed"
    assert wire.outcome.error is raised.value
    assert wire.outcome.first_item_after is None


async def test_items_that_came_before_a_failure_are_sent_first() -> None:
    wire = Wire()

    async def source() -> AsyncIterator[int]:
        yield 1
        yield 2
        fail()

    await stream(source(), wire)
    assert wire.body == b"1\n2\n"
    assert not wire.is_complete
    assert wire.outcome.items == 2


def test_the_headers_leave_after_the_grace_without_an_item() -> None:
    async def test() -> None:
        wire, may_yield = Wire(), asyncio.Event()

        async def source() -> AsyncIterator[int]:
            await may_yield.wait()
            yield 1

        request = start(source(), wire, framing=JSON_ARRAY, first_item_grace=2.5)
        await wire.sent.wait()
        assert asyncio.get_running_loop().time() == 2.5
        assert wire.is_started
        await wire.wait_for_bytes(b"[")
        may_yield.set()
        await request
        assert wire.body == b"[1]"

    skip_time(test())


def test_a_failure_after_the_grace_is_a_cut_transfer() -> None:
    async def test() -> None:
        wire = Wire()

        async def source() -> AsyncIterator[int]:
            await asyncio.sleep(3)
            fail()
            yield 0

        await stream(source(), wire, first_item_grace=2.5)
        assert wire.is_started
        assert not wire.is_complete

    skip_time(test())


def test_a_slow_setup_is_within_the_grace() -> None:
    async def test() -> None:
        wire = Wire()

        async def items() -> AsyncIterator[int]:
            yield 1

        async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
            await asyncio.sleep(3)
            assert wire.is_started
            yield items()

        await stream(lifecycle(), wire, first_item_grace=2.5)
        assert wire.body == b"1\n"

    skip_time(test())


async def test_a_plain_generator_keeps_its_first_item() -> None:
    wire = Wire()

    async def source() -> AsyncIterator[list[int]]:
        yield [1]
        yield [2]

    await stream(source(), wire)
    assert wire.body == b"[1]\n[2]\n"
    assert wire.outcome.items == 2
    assert wire.outcome.first_item_after is not None


async def test_an_empty_stream_has_its_status_and_its_end() -> None:
    wire = Wire()

    async def source() -> AsyncIterator[int]:
        for number in range(0):
            yield number

    await stream(source(), wire)
    assert wire.is_started
    assert wire.bodies == [b""]
    assert wire.is_complete


class Iterable:
    """An async iterable that is no generator, and has nothing to close."""

    def __aiter__(self) -> "Iterable":
        self.left = 2
        return self

    async def __anext__(self) -> int:
        if self.left == 0:
            raise StopAsyncIteration
        self.left -= 1
        return self.left


async def test_any_async_iterable_is_a_source() -> None:
    wire = Wire()
    await stream(Iterable(), wire)
    assert wire.body == b"1\n0\n"
    assert wire.is_complete


async def test_a_context_manager_that_enters_to_no_iterable_is_left_again() -> None:
    wire, steps = Wire(), list[str]()

    @asynccontextmanager
    async def manager() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            steps.append("left")

    with pytest.raises(TypeError, match="async"):
        await stream(manager(), wire)
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
        wire = Wire()
        with pytest.raises(ServiceUnavailable, match="no connection"):
            await stream(getattr(Database(fails=True), kind)(), wire, framing=SSE, first_item_grace=0.1)
        assert wire.messages == []

    skip_time(test())


@pytest.mark.parametrize(
    "source",
    [Database(fails=False).lifecycle, Database(fails=False).manager, connected],
    ids=["method", "manager", "global"],
)
def test_the_grace_begins_when_the_setup_has_ended(source: Callable[[], object]) -> None:
    async def test() -> None:
        wire, loop = Wire(), asyncio.get_running_loop()
        request = start(source(), wire, framing=SSE, first_item_grace=0.1)
        await wire.sent.wait()
        assert loop.time() == pytest.approx(2.1)
        await request
        assert wire.body == b"data: 1\n\n"

    skip_time(test())
