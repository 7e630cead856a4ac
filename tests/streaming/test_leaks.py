"""A thousand streams of mixed endings leave nothing behind."""

import asyncio
import gc
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager

import pytest

from jero import StreamOutcome
from tests.streaming.wire import Wire, start

STREAMS = 1_000


class Counter:
    """Sources of every kind, which count themselves in and out."""

    def __init__(self) -> None:
        self.open = 0

    async def items(self) -> AsyncGenerator[object, None]:
        self.open += 1
        try:
            for number in range(3):
                yield number
                await asyncio.sleep(0)
        finally:
            try:
                await asyncio.sleep(0)
            finally:  # an interruption may come while the source ends by itself
                self.open -= 1

    async def failing(self) -> AsyncIterator[object]:
        async with aclosing(self.items()) as items:
            async for item in items:
                yield item
                raise ValueError

    async def has_no_json(self) -> AsyncIterator[object]:
        async with aclosing(self.items()) as items:
            async for _ in items:
                yield object()

    async def idle(self) -> AsyncIterator[object]:
        self.open += 1
        try:
            yield 1
            await asyncio.get_running_loop().create_future()
        finally:
            self.open -= 1

    async def lifecycle(self) -> AsyncIterator[AsyncIterator[object]]:
        self.open += 1
        yield self.idle()
        await asyncio.sleep(0)
        self.open -= 1


def generators() -> int:
    """How many async generators there are."""
    gc.collect()
    return sum(isinstance(thing, AsyncGenerator) for thing in gc.get_objects())


async def test_no_task_and_no_generator_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    counter = Counter()
    kinds = [counter.items, counter.failing, counter.has_no_json, counter.idle, counter.lifecycle]
    ends = ["drain", "leave", "leave at once", "cancel", "block and leave"]
    before = generators()
    reasons: dict[str, int] = {}
    for kind, end in itertools.islice(itertools.cycle(itertools.product(kinds, ends)), STREAMS):
        wire = Wire()
        if end == "block and leave":
            wire.block()
        request = start(kind(), wire, keepalive=60)
        await let_it(end, wire, request)
        await asyncio.wait([request])
        reasons[wire.outcome.reason] = reasons.get(wire.outcome.reason, 0) + 1
        if not request.cancelled():
            request.exception()
    assert sum(reasons.values()) == STREAMS
    assert set(reasons) == {"completed", "disconnected", "failed"}
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert counter.open == 0
    assert generators() == before


async def let_it(end: str, wire: Wire, request: asyncio.Task[None]) -> None:
    """Brings the stream to that end, or lets it come to its own."""
    for _ in range({"leave at once": 0, "block and leave": 10, "drain": 50}.get(end, 5)):
        await asyncio.sleep(0)
    if end != "cancel":
        wire.leave()
    if end == "leave and cancel":  # in its teardown
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    if "cancel" in end:
        request.cancel()


@pytest.mark.parametrize("end", ["drain", "leave", "cancel", "block and leave", "leave and cancel"])
async def test_a_stream_is_freed_at_its_end_without_the_garbage_collector(end: str) -> None:
    counter = Counter()

    async def once() -> None:
        wire = Wire()
        if end == "block and leave":
            wire.block()
        source = {"drain": counter.items, "leave and cancel": counter.lifecycle}.get(end, counter.idle)
        request = start(source(), wire, keepalive=60)
        await let_it(end, wire, request)
        await asyncio.wait([request])
        del request

    assert await garbage(once) < 10  # not one object a stream


async def fails_in_setup() -> AsyncGenerator[AsyncIterator[object], StreamOutcome]:
    if STREAMS:
        raise ValueError
    yield Counter().items()


async def fails_in_teardown() -> AsyncGenerator[AsyncIterator[object], StreamOutcome]:
    yield Counter().items()
    raise ValueError


async def fails_when_closed() -> AsyncIterator[object]:
    try:
        yield 1
        await asyncio.sleep(0)
    finally:
        raise ValueError


@asynccontextmanager
async def fails_on_leaving() -> AsyncGenerator[AsyncIterator[object]]:
    yield Counter().items()
    raise ValueError


def fails_in_its_thread() -> Iterator[object]:
    yield 1
    raise ValueError


async def fail_to_tell(error: Exception) -> None:
    raise ValueError from error


FAILING: list[Callable[[], object]] = [
    Counter().failing,
    Counter().has_no_json,
    fails_in_setup,
    fails_in_teardown,
    fails_when_closed,
    fails_on_leaving,
    fails_in_its_thread,
]


@pytest.mark.parametrize("source", FAILING, ids=[source.__name__ for source in FAILING])
@pytest.mark.parametrize("tell", [None, fail_to_tell])
async def test_a_stream_that_failed_is_freed_too(
    source: Callable[[], object], tell: Callable[[Exception], object] | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "jero")

    async def look(outcome: StreamOutcome) -> None:  # and keeps nothing: the error knows the stream
        assert outcome.reason == "failed"

    async def once() -> None:
        request = start(source(), Wire(), on_error=tell, on_end=look)
        await asyncio.wait([request])
        del request

    assert await garbage(once) < 10


async def garbage(once: Callable[[], Awaitable[None]]) -> int:
    """How many objects ten times of it leave to the garbage collector."""
    await once()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            await once()
        await asyncio.sleep(0)
        return gc.collect()
    finally:
        gc.enable()
