"""Tests synchronous sources: a thread of its own pulls and closes each, and does not block the event loop."""

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
from tests.streaming.connection import Connection, start, stream
from tests.threads import stream_threads

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Threads:
    """Records the threads that a source runs in. `closed`: how often it was closed."""

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


async def test_a_source_runs_in_one_thread_that_is_not_the_event_loops() -> None:
    connection, threads = Connection(), Threads()
    await stream(threads.count(10_000), connection)
    assert connection.body == b"".join(b"%d\n" % number for number in range(10_000))
    assert connection.is_complete
    assert len(threads.seen) == 1
    assert threading.get_ident() not in threads.seen
    assert threads.closed == 1
    assert connection.outcome.items == 10_000
    assert connection.outcome.first_item_after is not None


@pytest.mark.parametrize("kind", [list, tuple, iter])
async def test_any_iterable_is_a_source(kind: Any) -> None:
    connection = Connection()
    await stream(kind([1, 2, 3]), connection, framing=JSON_ARRAY)
    assert connection.body == b"[1,2,3]"


async def test_each_item_of_a_source_that_waits_is_sent_at_once() -> None:
    connection = Connection()
    made: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def source() -> Iterator[int]:
        while (item := made.get()) is not None:
            yield item

    request = start(source(), connection)
    for number in range(20):
        made.put(number)
        await connection.wait_for_bytes(b"%d\n" % number)
    made.put(None)
    await request
    assert connection.outcome.items == 20


async def test_an_item_is_encoded_when_it_is_yielded() -> None:
    connection = Connection()

    def source() -> Iterator[list[int]]:
        row = [0]
        for number in range(1_000):
            row[0] = number
            yield row

    await stream(source(), connection)
    assert connection.body == b"".join(b"[%d]\n" % number for number in range(1_000))


async def test_the_event_loop_goes_on_while_the_source_blocks() -> None:
    connection = Connection()
    may_go_on = threading.Event()

    def source() -> Iterator[int]:
        may_go_on.wait(10)
        yield 1

    request = start(source(), connection)
    for _ in range(100):
        await asyncio.sleep(0)
    assert connection.messages == []
    may_go_on.set()
    await request
    assert connection.body == b"1\n"


async def test_the_source_is_not_pulled_while_the_client_does_not_read() -> None:
    connection = Connection()
    pulled = 0
    may_look = threading.Event()

    def source() -> Iterator[str]:
        nonlocal pulled
        while True:
            pulled += 1
            if pulled > 200:
                may_look.set()
            yield "x" * 1_000

    connection.block()
    request = start(source(), connection)
    await connection.blocked.wait()
    assert not await asyncio.to_thread(may_look.wait, 0.2)  # at most two chunks: one waits, one is being sent
    connection.leave()
    await request
    assert connection.outcome.reason == "disconnected"


async def test_a_client_that_leaves_closes_the_source_in_its_thread() -> None:
    connection, threads = Connection(), Threads()
    request = start(threads.count(10**9), connection)
    await connection.wait_for_bytes(b"0\n")
    connection.leave()
    await request
    assert threads.closed == 1
    assert len(threads.seen) == 1
    assert connection.outcome.reason == "disconnected"


async def test_a_source_that_blocks_is_closed_when_it_yields_its_next_item() -> None:
    connection, threads = Connection(), Threads()
    is_blocked, may_go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def source() -> Iterator[int]:
        try:
            loop.call_soon_threadsafe(is_blocked.set)
            may_go_on.wait(10)
            yield 1
        finally:
            threads.closed += 1

    request = start(source(), connection)
    await is_blocked.wait()
    connection.leave()
    await asyncio.sleep(0)
    assert not request.done()
    may_go_on.set()
    await request
    assert threads.closed == 1


async def test_a_source_that_blocks_for_ever_does_not_block_its_request() -> None:
    connection = Connection()
    for_ever = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        for_ever.wait()

    request = start(source(), connection, policy=StreamPolicy(teardown_timeout=0.01))
    await connection.wait_for_bytes(b"1\n")
    connection.leave()
    await request
    assert isinstance(connection.outcome.error, TimeoutError)
    for_ever.set()


def fail(threads: Threads) -> Iterator[object]:
    yield from threads.count(3)
    raise ValueError("of the source")


def yield_what_has_no_json(threads: Threads) -> Iterator[object]:
    yield from threads.count(3)
    yield {"no": object()}


@pytest.mark.parametrize("source", [fail, yield_what_has_no_json])
async def test_a_failure_in_the_thread_fails_the_stream(source: Any) -> None:
    connection, threads = Connection(), Threads()
    await stream(source(threads), connection)
    assert connection.body == b"0\n1\n2\n"
    assert not connection.is_complete
    assert connection.outcome.reason == "failed"
    assert isinstance(connection.outcome.error, ValueError | TypeError)
    assert threads.closed == 1


async def test_a_failure_before_the_first_item_is_raised_to_the_caller() -> None:
    connection = Connection()

    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise ValueError("of the start")

    with pytest.raises(ValueError, match="of the start"):
        await stream(Broken(), connection)
    assert connection.messages == []


async def test_a_failure_of_the_closing_is_reported() -> None:
    connection = Connection()

    def source() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            raise ValueError("of the closing")

    request = start(source(), connection)
    await connection.wait_for_bytes(b"1\n")
    connection.leave()
    await request
    assert str(connection.outcome.error) == "of the closing"


async def test_the_thread_has_the_context_of_the_request() -> None:
    connection = Connection()
    variable.set("of the request")

    def source() -> Iterator[str]:
        yield variable.get()

    await stream(source(), connection)
    assert connection.body == b'"of the request"\n'


async def test_many_sources_run_at_the_same_time() -> None:
    connections = [Connection() for _ in range(60)]
    everyone = threading.Barrier(60, timeout=10)

    def source() -> Iterator[int]:
        everyone.wait()
        yield 1

    await asyncio.gather(*(stream(source(), connection) for connection in connections))
    assert all(connection.body == b"1\n" for connection in connections)


async def test_a_source_that_will_not_be_opened_is_closed() -> None:
    threads = Threads()
    source = threads.count(3)
    await close_unstarted(source)
    assert list(source) == []
    assert threads.seen == set()


async def test_a_source_whose_client_left_before_the_first_item_is_closed() -> None:
    connection, steps = Connection(), list[str]()
    may_go_on = threading.Event()

    def rows() -> Iterator[int]:
        try:
            may_go_on.wait(10)
            yield 1
        finally:
            steps.append("closed")

    connection.leave()
    request = start(rows(), connection)
    await connection.disconnect_received.wait()
    may_go_on.set()
    await request
    assert steps == ["closed"]
    assert connection.messages == []
    assert connection.outcome.reason == "disconnected"


@pytest.mark.parametrize("source", [[], [1, 2], (1, 2), list(range(20_000))], ids=["empty", "list", "tuple", "long"])
async def test_a_list_or_tuple_is_sent_without_a_thread(source: list[int]) -> None:
    connection, before = Connection(), stream_threads()
    threads = set[threading.Thread]()
    request = start(source, connection)
    while not request.done():
        threads |= stream_threads()
        await asyncio.sleep(0)
    assert connection.body == b"".join(b"%d\n" % number for number in source)
    assert connection.outcome.items == len(source)
    assert threads <= before  # no thread is seen if tasks are eager, and the request is done


async def test_a_subclass_of_list_is_pulled_in_a_thread() -> None:
    connection, threads = Connection(), set[int]()

    class Rows(list[int]):
        def __iter__(self) -> Iterator[int]:
            threads.add(threading.get_ident())
            return super().__iter__()

    await stream(Rows([1, 2]), connection)
    assert connection.body == b"1\n2\n"
    assert threads.isdisjoint({threading.get_ident()})
