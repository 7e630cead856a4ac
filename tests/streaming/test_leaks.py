"""Tests that a thousand streams leave no tasks, open sources or garbage, in each way to end."""

import asyncio
import contextvars
import gc
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from time import time

import pytest

from jero import StreamOutcome, StreamPolicy
from jero.streaming.send import Sender
from jero.streaming.stream import Stream
from tests.garbage import garbage
from tests.streaming.connection import Connection, make_plan, start, stream

STREAMS = 1_000


class Counter:
    """Sources of every kind. `open`: how many of them are open."""

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
            finally:  # a cancellation may come while the source ends
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


def count_generators() -> int:
    """Returns how many async generators exist."""
    gc.collect()
    return sum(isinstance(thing, AsyncGenerator) for thing in gc.get_objects())


async def test_a_thousand_streams_leave_no_task_and_no_generator(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    counter = Counter()
    kinds = [counter.items, counter.failing, counter.has_no_json, counter.idle, counter.lifecycle]
    ends = ["drain", "leave", "leave at once", "cancel", "block and leave"]
    before = count_generators()
    reasons: dict[str, int] = {}
    for kind, end in itertools.islice(itertools.cycle(itertools.product(kinds, ends)), STREAMS):
        connection = Connection()
        if end == "block and leave":
            connection.block()
        request = start(kind(), connection, keepalive=60)
        await bring_to(end, connection, request)
        await asyncio.wait([request])
        reasons[connection.outcome.reason] = reasons.get(connection.outcome.reason, 0) + 1
        if not request.cancelled():
            request.exception()
    assert sum(reasons.values()) == STREAMS
    assert set(reasons) == {"completed", "disconnected", "failed"}
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert counter.open == 0
    assert count_generators() == before


async def bring_to(end: str, connection: Connection, request: asyncio.Task[None]) -> None:
    """Ends the stream in the way `end`; "drain" waits until its source has ended."""
    for _ in range({"leave at once": 0, "block and leave": 10, "drain": 50}.get(end, 5)):
        await asyncio.sleep(0)
    if end != "cancel":
        connection.leave()
    if end == "leave and cancel":  # in its teardown
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    if "cancel" in end:
        request.cancel()


@pytest.mark.parametrize("end", ["drain", "leave", "cancel", "block and leave", "leave and cancel"])
async def test_a_stream_is_freed_at_its_end_without_the_garbage_collector(end: str) -> None:
    counter = Counter()

    async def once() -> None:
        connection = Connection()
        if end == "block and leave":
            connection.block()
        source = {"drain": counter.items, "leave and cancel": counter.lifecycle}.get(end, counter.idle)
        request = start(source(), connection, keepalive=60)
        await bring_to(end, connection, request)
        await asyncio.wait([request])
        del request

    assert await garbage(once) < 10  # less than one object a stream


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


async def fail_again(error: Exception) -> None:
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
@pytest.mark.parametrize("on_error", [None, fail_again])
async def test_a_stream_that_failed_is_freed_without_the_garbage_collector(
    source: Callable[[], object], on_error: Callable[[Exception], object] | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "jero")

    async def look(outcome: StreamOutcome) -> None:  # keeps nothing, since the error refers to the stream
        assert outcome.reason == "failed"

    async def once() -> None:
        # Not by `create_task`: if tasks are eager, its frame refers to the task, and the traceback to the frame.
        running = stream(source(), Connection(), on_error=on_error, on_end=look)
        request = asyncio.Task(running, loop=asyncio.get_running_loop())
        await asyncio.wait([request])
        del request, running

    assert await garbage(once) < 10


async def test_a_ping_that_is_cancelled_before_it_began_is_freed_without_the_garbage_collector() -> None:
    async def once() -> None:
        connection = Connection()
        plan = make_plan(Counter().idle(), connection.report)
        sender = Sender(connection.send, plan, contextvars.copy_context(), lambda error: None, lambda: None)
        sender.send_aside(b": ping\n\n")
        await sender.end_aside()

    assert await garbage(once) < 10


async def test_the_timers_of_a_stream_are_freed_at_its_end() -> None:
    before = set(map(id, streams()))
    source = Counter().items()
    policy = StreamPolicy(max_duration=1_000, first_item_grace=1_000, send_timeout=1_000, teardown_timeout=1_000)
    await stream(source, Connection(), policy=policy, expires_at=time() + 500, keepalive=1_000)
    await asyncio.sleep(0)
    assert not [left for left in streams() if id(left) not in before]


def streams() -> list[Stream]:
    """Returns all streams that exist."""
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, Stream)]


def contexts() -> int:
    """Returns how many context objects exist."""
    gc.collect()
    return sum(isinstance(thing, contextvars.Context) for thing in gc.get_objects())


async def test_the_context_of_a_stream_is_freed() -> None:
    async def pauses() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0)

    async def once() -> None:
        request = start(pauses(), Connection())
        await asyncio.wait([request])

    await once()
    await asyncio.sleep(0)
    before = contexts()
    for _ in range(20):
        await once()
    await asyncio.sleep(0)
    assert contexts() - before < 10
