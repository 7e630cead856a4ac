"""The report of a stream's start and the report of its end come in pairs, whatever ends the stream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import combinations, count
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jero.policy import EndReason, StreamOutcome, StreamStart
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.connection import Connection, make_plan, start, stream
from tests.streaming.publisher import Numbers, Publisher


class Gauge:
    """Counts the open streams with two hooks, each of which pauses `pauses` times before it counts.

    `calls`: "start", and the reason of the end, in order. `values`: of the gauge, one after the other. `fails`: whether
    the hooks raise.
    """

    def __init__(self, pauses: int = 0, *, fails: bool = False) -> None:
        self.calls: list[str] = []
        self.values: list[int] = []
        self.report: StreamStart | None = None
        self._pauses = pauses
        self._fails = fails

    async def on_start(self, report: StreamStart) -> None:
        self.report = report
        await self._count("start", 1)

    async def on_end(self, outcome: StreamOutcome) -> None:
        await self._count(outcome.reason, -1)

    async def _count(self, call: str, difference: int) -> None:
        self.calls.append(call)
        for _ in range(self._pauses):
            await asyncio.sleep(0)
        self.values.append(sum(self.values[-1:]) + difference)
        if self._fails:
            raise ValueError("of the hook")


async def items() -> AsyncIterator[int]:
    yield 1
    await asyncio.sleep(0)
    yield 2


async def fail_at_once() -> AsyncIterator[int]:
    for number in list[int]():
        yield number
    raise ValueError("of the source")


async def fail_later() -> AsyncIterator[int]:
    yield 1
    await asyncio.sleep(0)
    raise ValueError("of the source")


async def endless() -> AsyncIterator[int]:
    for number in count():
        yield number
        await asyncio.sleep(0)


async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
    await asyncio.sleep(0)
    yield items()
    await asyncio.sleep(0)


async def lifecycle_that_fails_to_end() -> AsyncIterator[AsyncIterator[int]]:
    yield items()
    await asyncio.sleep(0)
    raise ValueError("of the teardown")


async def unencodable() -> AsyncIterator[object]:
    yield object()


def in_a_thread() -> Iterator[int]:
    yield from range(3)


def fail_in_a_thread() -> Iterator[int]:
    yield 1
    raise ValueError("of the source")


def publisher() -> Publisher:
    source = Publisher()

    def publish() -> None:
        if source.waiting.is_set():
            source.publish_now(Numbers(1))

    asyncio.get_running_loop().call_soon(publish)
    return source


def final_frame(reason: EndReason) -> bytes:
    return b"retry"


SOURCES: dict[str, Callable[[], Any]] = {
    "items": items,
    "a list": lambda: [1, 2],
    "an empty list": list,
    "fails at once": fail_at_once,
    "fails later": fail_later,
    "endless": endless,
    "lifecycle": lifecycle,
    "a teardown that fails": lifecycle_that_fails_to_end,
    "unencodable": unencodable,
    "a thread": in_a_thread,
    "a thread that fails": fail_in_a_thread,
    "a channel": publisher,
    "no source": object,
}


Action: TypeAlias = Callable[[Connection, OpenStreams, asyncio.Task[None]], None]


def leave(connection: Connection, streams: OpenStreams, request: asyncio.Task[None]) -> None:
    connection.leave()


def drain(connection: Connection, streams: OpenStreams, request: asyncio.Task[None]) -> None:
    streams.drain()


def cancel(connection: Connection, streams: OpenStreams, request: asyncio.Task[None]) -> None:
    request.cancel()


def cancel_the_stream(connection: Connection, streams: OpenStreams, request: asyncio.Task[None]) -> None:
    for task in asyncio.all_tasks():
        if task.get_name() == "stream GET Endpoint":
            task.cancel()


def break_the_send(connection: Connection, streams: OpenStreams, request: asyncio.Task[None]) -> None:
    connection.send_error = LookupError("of send")


def lose_the_client(connection: Connection, streams: OpenStreams, request: asyncio.Task[None]) -> None:
    connection.send_error = OSError("of send")


def block(connection: Connection, streams: OpenStreams, request: asyncio.Task[None]) -> None:
    connection.block()


# The client's leaving follows in any case. A stream's own task is cancelled when its event loop is closed.
ACTIONS = (leave, drain, cancel, cancel_the_stream, break_the_send, lose_the_client, block)


async def run(gauge: Gauge, make: Callable[[], Any], actions: Sequence[tuple[int, Action]], **kind: Any) -> None:
    """Runs a stream, and each action after its number of turns of the event loop. The client leaves in the end.

    Raises `AssertionError` unless the stream has started and ended, in this order.
    """
    connection, streams = Connection(), OpenStreams()
    plan = make_plan(make(), gauge.on_end, on_start=gauge.on_start, **kind)
    request = asyncio.create_task(send_stream(plan, streams, connection.receive, connection.send))
    for turn in range(20):
        await asyncio.sleep(0)
        for at, action in actions:
            if at == turn:
                action(connection, streams, request)
    connection.leave()
    connection.unblock()
    await asyncio.wait((request,))
    assert request.cancelled() or not isinstance(request.exception(), asyncio.InvalidStateError)
    assert gauge.report == StreamStart(endpoint="Endpoint", method="GET")
    assert len(gauge.calls) == 2, gauge.calls
    assert gauge.calls[0] == "start"
    assert gauge.calls[1] != "start"
    if not any(action is cancel_the_stream for _, action in actions):  # that breaks off a hook, as any task
        assert gauge.values == [1, 0]


@pytest.mark.parametrize("pauses", [0, 2])
@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("action", ACTIONS)
async def test_a_stream_starts_and_ends_whatever_happens_in_any_turn(
    make: Callable[[], Any], action: Action, pauses: int
) -> None:
    for turn in range(12):
        await run(Gauge(pauses), make, [(turn, action)])


KINDS: list[dict[str, Any]] = [{}, {"keepalive": 1, "first_item_grace": 1e-9}, {"final_frame": final_frame}]


@settings(max_examples=200)
@given(
    make=st.sampled_from([*SOURCES.values()]),
    actions=st.lists(st.tuples(st.integers(0, 15), st.sampled_from(ACTIONS)), max_size=4),
    pauses=st.integers(0, 4),
    fails=st.booleans(),
    kind=st.sampled_from(KINDS),
)
def test_streams_start_and_end_in_pairs(
    make: Callable[[], Any], actions: list[tuple[int, Action]], pauses: int, kind: dict[str, Any], *, fails: bool
) -> None:
    asyncio.run(run(Gauge(pauses, fails=fails), make, actions, **kind))


@pytest.mark.parametrize("turns", [*combinations(range(6), 2)])
def test_a_stream_that_is_cancelled_twice_has_ended(turns: tuple[int, int]) -> None:
    """A second cancellation may come while the headers are sent aside."""
    asyncio.run(run(Gauge(), publisher, [(turn, cancel_the_stream) for turn in turns], **KINDS[1]))


def test_a_stream_that_exits_the_process_has_ended() -> None:
    gauge = Gauge()

    async def source() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0)
        raise SystemExit

    with pytest.raises(SystemExit):
        asyncio.run(stream(source(), Connection(), on_start=gauge.on_start, on_end=gauge.on_end))
    assert gauge.calls == ["start", "failed"]


@pytest.mark.parametrize("pauses", [0, 3])
def test_a_stream_has_ended_when_its_loop_is_closed(pauses: int) -> None:
    gauge, opened = Gauge(pauses), list[int]()

    async def source() -> AsyncIterator[int]:
        opened.append(1)
        await asyncio.get_running_loop().create_future()
        yield 1

    async def test() -> None:
        start(source(), Connection(), on_start=gauge.on_start, on_end=gauge.on_end)
        await asyncio.sleep(0)

    asyncio.run(test())
    assert gauge.calls == ["start", "disconnected"]
    assert len(opened) == (0 if pauses else 1)
