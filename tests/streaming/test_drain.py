"""Tests the shutdown of a server that has open streams."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from jero.framing.sse import SSE
from jero.http.asgi import Scope, Send
from jero.policy import EndReason, StreamOutcome, StreamPolicy
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.connection import Connection, make_plan, skip_time


def final_frame(reason: EndReason) -> bytes:
    return b"retry: 1\n\n" if reason == "shutdown" else b""


class Drained:
    """Open streams, and how many of their sources were closed."""

    def __init__(self) -> None:
        self.streams = OpenStreams()
        self.closed = 0

    async def idle(self) -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.get_running_loop().create_future()
        finally:
            self.closed += 1

    async def finishing(self, seconds: float) -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(seconds)
            yield 2
        finally:
            self.closed += 1

    def start(self, source: AsyncIterator[int], connection: Connection, **options: Any) -> asyncio.Task[None]:
        plan = make_plan(source, connection.report, **options)
        return asyncio.create_task(send_stream(plan, self.streams, connection.receive, connection.send))


def test_an_event_stream_ends_at_once_with_its_final_frame() -> None:
    async def test() -> None:
        connection, drained = Connection(), Drained()
        request = drained.start(drained.idle(), connection, framing=SSE, final_frame=final_frame)
        await connection.wait_for_bytes(b"1")
        await drained.streams.drain()
        await request
        assert asyncio.get_running_loop().time() == 0
        assert connection.body == b"data: 1\n\nretry: 1\n\n"
        assert connection.is_complete
        assert connection.outcome.reason == "shutdown"
        assert drained.closed == 1

    skip_time(test())


def test_a_stream_of_another_format_may_finish_within_drain_timeout() -> None:
    async def test() -> None:
        connection, drained = Connection(), Drained()
        request = drained.start(drained.finishing(4), connection, policy=StreamPolicy(drain_timeout=5))
        await connection.wait_for_bytes(b"1\n")
        await drained.streams.drain()
        await request
        assert asyncio.get_running_loop().time() == 4
        assert connection.body == b"1\n2\n"
        assert connection.outcome.reason == "completed"

    skip_time(test())


def test_a_stream_is_cut_after_drain_timeout() -> None:
    async def test() -> None:
        connection, drained = Connection(), Drained()
        request = drained.start(drained.finishing(100), connection, policy=StreamPolicy(drain_timeout=5))
        await connection.wait_for_bytes(b"1\n")
        await drained.streams.drain()
        await request
        assert asyncio.get_running_loop().time() == 5
        assert not connection.is_complete
        assert connection.outcome.reason == "shutdown"
        assert drained.closed == 1

    skip_time(test())


def test_a_client_that_takes_nothing_is_not_waited_for_after_drain_timeout() -> None:
    async def test() -> None:
        connection, drained, dropped = Connection(), Drained(), list[float]()

        def drop(scope: Scope, send: Send, since: float) -> bool:
            dropped.append(asyncio.get_running_loop().time())
            connection.leave()
            return True

        request = drained.start(drained.finishing(1), connection, drop_connection=drop)
        await connection.wait_for_bytes(b"1\n")
        connection.block()
        await connection.blocked.wait()
        await drained.streams.drain()
        await request
        assert dropped == [6]
        assert asyncio.get_running_loop().time() == 6
        assert connection.outcome.reason == "shutdown"
        assert drained.closed == 1

    skip_time(test())


@pytest.mark.parametrize("reconnects", [True, False])
def test_a_shutdown_shortens_the_time_of_a_teardown(*, reconnects: bool) -> None:
    async def test() -> None:
        connection, drained = Connection(), Drained()

        async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
            yield drained.idle()
            await asyncio.sleep(1_000)

        policy = StreamPolicy(drain_timeout=5, teardown_timeout=100)
        frame = final_frame if reconnects else None
        plan = make_plan(lifecycle(), connection.report, policy=policy, final_frame=frame)
        request = asyncio.create_task(send_stream(plan, drained.streams, connection.receive, connection.send))
        await connection.wait_for_bytes(b"1\n")
        await drained.streams.drain()
        await request
        assert asyncio.get_running_loop().time() == pytest.approx(5 if reconnects else 5.5)

    skip_time(test())


def test_a_stream_that_has_sent_nothing_is_answered_with_503() -> None:
    async def test() -> None:
        connection, drained = Connection(), Drained()

        async def source() -> AsyncIterator[int]:
            await asyncio.get_running_loop().create_future()
            yield 1

        policy = StreamPolicy(drain_timeout=1, first_item_grace=100)
        request = drained.start(source(), connection, policy=policy)
        await asyncio.sleep(0)
        await drained.streams.drain()
        with pytest.raises(Exception, match="before it began"):
            await request
        assert connection.messages == []

    skip_time(test())


def test_a_request_that_is_cancelled_during_the_shutdown_ends_by_it() -> None:
    async def test() -> None:
        connection, drained = Connection(), Drained()
        request = drained.start(drained.idle(), connection)
        await connection.wait_for_bytes(b"1\n")
        over = drained.streams.drain()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await over
        assert connection.outcome.reason == "shutdown"
        assert drained.closed == 1

    skip_time(test())


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_cut_in_the_shutdown_waits_for_the_client_unless_the_request_is_cancelled(*, is_cancelled: bool) -> None:
    waits: list[bool] = []

    async def cut(
        scope: Scope, send: Send, since: float, patience: Callable[[], float], is_last: Callable[[], bool]
    ) -> None:
        waits.append(is_last())

    async def main() -> None:
        drained, connection = Drained(), Connection()
        plan = make_plan(drained.idle(), connection.report, cut_connection=cut, policy=StreamPolicy(drain_timeout=0.01))
        request = asyncio.create_task(send_stream(plan, drained.streams, connection.receive, connection.send))
        await connection.wait_for_bytes(b"1\n")
        over = drained.streams.drain()
        if is_cancelled:
            request.cancel()
        await asyncio.wait([request])
        await over
        assert connection.outcome.reason == "shutdown"

    asyncio.run(main())
    assert waits == [not is_cancelled]


def test_a_stream_that_begins_during_the_shutdown_ends_by_it() -> None:
    async def test() -> None:
        connection, drained = Connection(), Drained()
        await drained.streams.drain()
        await drained.start(drained.idle(), connection, framing=SSE, final_frame=final_frame)
        assert connection.outcome.reason == "shutdown"
        assert connection.body == b"retry: 1\n\n"

    skip_time(test())


class Unopened:
    """A source that cannot be opened. `closed`: how often it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[int]:
        raise AssertionError("the source was opened")

    async def aclose(self) -> None:
        self.closed += 1


class UnopenedInThread:
    """The same for a synchronous source."""

    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[int]:
        raise AssertionError("the source was opened")

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    "kind",
    [
        Unopened,
        UnopenedInThread,
    ],
)
def test_a_source_that_would_begin_during_the_shutdown_is_closed_once_and_not_opened(
    kind: type[Unopened | UnopenedInThread],
) -> None:
    async def test() -> None:
        connection, drained, source = Connection(), Drained(), kind()
        await drained.streams.drain()
        plan = make_plan(source, connection.report, framing=SSE, final_frame=final_frame)
        await send_stream(plan, drained.streams, connection.receive, connection.send)
        assert connection.outcome.reason == "shutdown"
        assert source.closed == 1

    asyncio.run(test())


def test_a_second_drain_waits_for_the_same_streams() -> None:
    async def test() -> None:
        connection, drained = Connection(), Drained()
        request = drained.start(drained.idle(), connection, framing=SSE, final_frame=final_frame)
        await connection.wait_for_bytes(b"1")
        first, second = drained.streams.drain(), drained.streams.drain()
        await first
        await second
        await request
        assert connection.body.count(b"retry") == 1
        assert len(drained.streams) == 0

    skip_time(test())


def test_a_stream_that_is_over_but_not_removed_yet_is_not_drained() -> None:
    async def test() -> None:
        connection, drained, steps = Connection(), Drained(), list[int]()

        async def on_end(outcome: StreamOutcome) -> None:
            asyncio.get_running_loop().call_soon(drain)

        def drain() -> None:
            steps.append(len(drained.streams))
            drained.streams.drain()

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(0)

        plan = make_plan(source(), on_end)
        await send_stream(plan, drained.streams, connection.receive, connection.send)
        assert steps == [1]
        assert connection.is_complete
        assert len(drained.streams) == 0

    skip_time(test())


def test_a_shutdown_does_not_break_off_the_end_of_a_completed_stream() -> None:
    async def test() -> None:
        connection, drained = Connection(), Drained()

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(0)
            connection.block()

        request = drained.start(source(), connection, framing=SSE, final_frame=final_frame)
        await connection.blocked.wait()
        over = drained.streams.drain()
        await asyncio.sleep(0)
        connection.unblock()
        await over
        await request
        assert connection.outcome.reason == "completed"
        assert connection.is_complete

    skip_time(test())
