"""Synchronous sources: pulled in a thread, closed in it, and never in the event loop's way."""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from jero.framing.json import JSON_ARRAY
from jero.policy import StreamPolicy
from jero.streaming.source import close_unstarted
from tests.streaming.wire import Wire, start, stream

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Threads:
    """The threads that a source was in, and whether it was closed."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.closed = 0

    def note(self) -> None:
        self.seen.add(threading.get_ident())

    def count(self, items: int) -> Iterator[int]:
        try:
            for number in range(items):
                self.note()
                yield number
        finally:
            self.note()
            self.closed += 1


async def test_all_of_it_runs_in_one_thread_that_is_not_the_event_loops() -> None:
    wire, threads = Wire(), Threads()
    await stream(threads.count(10_000), wire)
    assert wire.body == b"".join(b"%d\n" % number for number in range(10_000))
    assert wire.is_complete
    assert len(threads.seen) == 1
    assert threading.get_ident() not in threads.seen
    assert threads.closed == 1
    assert wire.outcome.items == 10_000
    assert wire.outcome.first_item_after is not None


@pytest.mark.parametrize("kind", [list, tuple, iter])
async def test_any_iterable_is_a_source(kind: Any) -> None:
    wire = Wire()
    await stream(kind([1, 2, 3]), wire, framing=JSON_ARRAY)
    assert wire.body == b"[1,2,3]"


async def test_each_item_of_a_source_that_waits_is_sent_at_once() -> None:
    wire = Wire()
    made: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def source() -> Iterator[int]:
        while (item := made.get()) is not None:
            yield item

    request = start(source(), wire)
    for number in range(20):
        made.put(number)
        await wire.wait_for_bytes(b"%d\n" % number)
    made.put(None)
    await request
    assert wire.outcome.items == 20


async def test_an_item_is_encoded_when_it_is_yielded() -> None:
    wire = Wire()

    def source() -> Iterator[list[int]]:
        row = [0]
        for number in range(1_000):
            row[0] = number
            yield row

    await stream(source(), wire)
    assert wire.body == b"".join(b"[%d]\n" % number for number in range(1_000))


async def test_the_event_loop_goes_on_while_the_source_blocks() -> None:
    wire = Wire()
    may_go_on = threading.Event()

    def source() -> Iterator[int]:
        may_go_on.wait(10)
        yield 1

    request = start(source(), wire)
    for _ in range(100):
        await asyncio.sleep(0)
    assert wire.messages == []
    may_go_on.set()
    await request
    assert wire.body == b"1\n"


async def test_the_source_is_not_pulled_while_the_client_does_not_read() -> None:
    wire = Wire()
    pulled = 0
    may_look = threading.Event()

    def source() -> Iterator[str]:
        nonlocal pulled
        while True:
            pulled += 1
            if pulled > 200:
                may_look.set()
            yield "x" * 1_000

    wire.block()
    request = start(source(), wire)
    await wire.blocked.wait()
    assert not await asyncio.to_thread(may_look.wait, 0.2)  # two chunks at the most: one waits, one is sent
    wire.leave()
    await request
    assert wire.outcome.reason == "disconnected"


async def test_leaving_closes_the_source_in_its_thread() -> None:
    wire, threads = Wire(), Threads()
    request = start(threads.count(10**9), wire)
    await wire.wait_for_bytes(b"0\n")
    wire.leave()
    await request
    assert threads.closed == 1
    assert len(threads.seen) == 1
    assert wire.outcome.reason == "disconnected"


async def test_a_source_that_blocks_is_closed_when_it_gives_its_next_item() -> None:
    wire, threads = Wire(), Threads()
    is_blocked, may_go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def source() -> Iterator[int]:
        try:
            loop.call_soon_threadsafe(is_blocked.set)
            may_go_on.wait(10)
            yield 1
        finally:
            threads.closed += 1

    request = start(source(), wire)
    await is_blocked.wait()
    wire.leave()
    await asyncio.sleep(0)
    assert not request.done()
    may_go_on.set()
    await request
    assert threads.closed == 1


async def test_a_source_that_blocks_for_ever_holds_nobody() -> None:
    wire = Wire()
    for_ever = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        for_ever.wait()

    request = start(source(), wire, policy=StreamPolicy(teardown_timeout=0.01))
    await wire.wait_for_bytes(b"1\n")
    wire.leave()
    await request
    assert isinstance(wire.outcome.error, TimeoutError)
    for_ever.set()


def fail(threads: Threads) -> Iterator[object]:
    yield from threads.count(3)
    raise ValueError("of the source")


def yield_what_has_no_json(threads: Threads) -> Iterator[object]:
    yield from threads.count(3)
    yield {"no": object()}


@pytest.mark.parametrize("source", [fail, yield_what_has_no_json])
async def test_a_failure_in_the_thread_is_the_streams(source: Any) -> None:
    wire, threads = Wire(), Threads()
    await stream(source(threads), wire)
    assert wire.body == b"0\n1\n2\n"
    assert not wire.is_complete
    assert wire.outcome.reason == "failed"
    assert isinstance(wire.outcome.error, ValueError | TypeError)
    assert threads.closed == 1


async def test_a_failure_before_the_first_item_is_the_callers_to_answer() -> None:
    wire = Wire()

    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise ValueError("of the start")

    with pytest.raises(ValueError, match="of the start"):
        await stream(Broken(), wire)
    assert wire.messages == []


async def test_a_failure_on_closing_is_reported() -> None:
    wire = Wire()

    def source() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            raise ValueError("of the closing")

    request = start(source(), wire)
    await wire.wait_for_bytes(b"1\n")
    wire.leave()
    await request
    assert str(wire.outcome.error) == "of the closing"


async def test_the_thread_sees_the_context_of_the_request() -> None:
    wire = Wire()
    variable.set("of the request")

    def source() -> Iterator[str]:
        yield variable.get()

    await stream(source(), wire)
    assert wire.body == b'"of the request"\n'


async def test_many_at_once_take_nothing_from_each_other() -> None:
    wires = [Wire() for _ in range(60)]
    everyone = threading.Barrier(60, timeout=10)

    def source() -> Iterator[int]:
        everyone.wait()
        yield 1

    await asyncio.gather(*(stream(source(), wire) for wire in wires))
    assert all(wire.body == b"1\n" for wire in wires)


async def test_a_source_that_is_not_to_be_opened_is_closed() -> None:
    threads = Threads()
    source = threads.count(3)
    await close_unstarted(source)
    assert list(source) == []
    assert threads.seen == set()


async def test_a_source_whose_client_left_before_it_began_is_closed() -> None:
    wire, steps = Wire(), list[str]()
    may_go_on = threading.Event()

    def rows() -> Iterator[int]:
        try:
            may_go_on.wait(10)
            yield 1
        finally:
            steps.append("closed")

    wire.leave()
    request = start(rows(), wire)
    await wire.disconnect_received.wait()
    may_go_on.set()
    await request
    assert steps == ["closed"]
    assert wire.messages == []
    assert wire.outcome.reason == "disconnected"


@pytest.mark.parametrize("source", [[], [1, 2], (1, 2), list(range(20_000))], ids=["empty", "list", "tuple", "long"])
async def test_a_list_or_tuple_is_sent_without_a_thread(source: list[int]) -> None:
    wire, before = Wire(), threading.active_count()
    threads = set[int]()
    request = start(source, wire)
    while not request.done():
        threads.add(threading.active_count())
        await asyncio.sleep(0)
    assert wire.body == b"".join(b"%d\n" % number for number in source)
    assert wire.outcome.items == len(source)
    assert threads == {before}


async def test_a_subclass_of_list_is_pulled_in_a_thread() -> None:
    wire, threads = Wire(), set[int]()

    class Rows(list[int]):
        def __iter__(self) -> Iterator[int]:
            threads.add(threading.get_ident())
            return super().__iter__()

    await stream(Rows([1, 2]), wire)
    assert wire.body == b"1\n2\n"
    assert threads.isdisjoint({threading.get_ident()})
