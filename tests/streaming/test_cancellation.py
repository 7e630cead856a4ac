"""Tests the cancellation of a request: it is raised after the teardown, at whichever moment it comes."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest

from tests.streaming.connection import Connection, skip_time, start, stream, tasks_are_eager


class Counting:
    """A stream with a setup, items and a teardown, each of which pauses. Counts its openings and closings."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0

    async def items(self) -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    async def lifecycle(self) -> AsyncIterator[AsyncIterator[int]]:
        await asyncio.sleep(0)
        self.opened += 1
        yield self.items()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.closed += 1


async def run(turns: int) -> tuple[Counting, Connection, bool]:
    """Cancels a request after `turns` turns of the event loop. Returns whether the request was still running."""
    counting, connection = Counting(), Connection()
    request = start(counting.lifecycle(), connection)
    for _ in range(turns):
        await asyncio.sleep(0)
    was_running = request.cancel()
    if was_running:
        with pytest.raises(asyncio.CancelledError):
            await request
    return counting, connection, was_running


async def test_a_cancellation_in_any_turn_is_raised_after_the_teardown() -> None:
    for turns in range(1, 100):
        counting, connection, was_running = await run(turns)
        assert counting.opened == counting.closed, f"cancelled after {turns} turns"
        assert len(connection.outcomes) == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}
        if not was_running:
            assert connection.outcome.reason == "completed"
            assert turns >= (7 if tasks_are_eager() else 8)  # a turn for each pause, and for the start
            return
    pytest.fail("the stream never ended")


def test_a_cancel_scope_around_the_application_waits_for_the_teardown() -> None:
    async def test() -> None:
        counting, connection = Counting(), Connection()

        async def endless() -> AsyncIterator[AsyncIterator[int]]:
            yield idle()
            await asyncio.sleep(5)  # the clock moves only if all tasks wait
            counting.closed += 1

        async def idle() -> AsyncIterator[int]:
            yield 1
            await asyncio.get_running_loop().create_future()

        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(stream, endless(), connection)
                await connection.wait_for_bytes(b"1\n")
                scope.cancel()
        assert scope.cancelled_caught
        assert counting.closed == 1
        assert connection.outcome.reason == "disconnected"

    skip_time(test())


def test_an_exit_of_the_process_in_the_teardown_of_a_cancelled_request_is_raised() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            try:
                yield 1
                await asyncio.get_running_loop().create_future()
            finally:
                raise SystemExit

        request = start(source(), connection)
        await connection.wait_for_bytes(b"1\n")
        request.cancel()
        await request

    with pytest.raises(SystemExit):
        asyncio.run(test())


async def test_a_stream_leaves_the_cancellation_count_of_its_request_unchanged() -> None:
    counting, connection = Counting(), Connection()
    task = asyncio.current_task()
    assert task is not None
    async with asyncio.timeout(10):
        await stream(counting.lifecycle(), connection)
    assert task.cancelling() == 0
    assert counting.closed == 1
