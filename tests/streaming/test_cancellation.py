"""The request's task is cancelled at every point of its life: nothing is swallowed, nothing is left open."""

import asyncio
import contextvars
from collections.abc import AsyncIterator

import anyio
import pytest

from tests.streaming.wire import Wire, skip_time, start, stream


class Life:
    """A stream with a setup, items, and a teardown, that waits at each step."""

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


async def run(turns: int) -> tuple[Life, Wire, bool]:
    """Cancels after so many turns of the event loop; says whether the request was still running."""
    life, wire = Life(), Wire()
    request = start(life.lifecycle(), wire)
    for _ in range(turns):
        await asyncio.sleep(0)
    was_running = request.cancel()
    if was_running:
        with pytest.raises(asyncio.CancelledError):
            await request
    return life, wire, was_running


async def test_a_cancellation_at_any_turn_is_raised_on_after_the_teardown() -> None:
    for turns in range(1, 100):
        life, wire, was_running = await run(turns)
        assert life.opened == life.closed, f"cancelled after {turns} turns"
        assert len(wire.outcomes) == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}
        if not was_running:
            assert wire.outcome.reason == "completed"
            assert turns >= 8  # each of its waits was a turn
            return
    pytest.fail("the stream never ended")


def test_a_cancel_scope_around_the_application_waits_for_the_teardown() -> None:
    async def test() -> None:
        life, wire = Life(), Wire()

        async def endless() -> AsyncIterator[AsyncIterator[int]]:
            yield idle()
            await asyncio.sleep(5)  # which passes only if nobody spins meanwhile
            life.closed += 1

        async def idle() -> AsyncIterator[int]:
            yield 1
            await asyncio.get_running_loop().create_future()

        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(stream, endless(), wire)
                await wire.wait_for_bytes(b"1\n")
                scope.cancel()
        assert scope.cancelled_caught
        assert life.closed == 1
        assert wire.outcome.reason == "disconnected"

    skip_time(test())


async def test_the_callers_cancellation_count_is_left_as_it_was() -> None:
    life, wire = Life(), Wire()
    task = asyncio.current_task()
    assert task is not None
    async with asyncio.timeout(10):
        await stream(life.lifecycle(), wire)
    assert task.cancelling() == 0
    assert life.closed == 1


def stream_task() -> asyncio.Task[object]:
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "stream GET Endpoint")
    return task


@pytest.mark.parametrize("waits_for", ["a future", "a turn"])
async def test_a_task_that_is_cancelled_right_after_its_first_step_cancels_what_the_source_waits_for(
    waits_for: str,
) -> None:
    wire, steps = Wire(), list[str]()

    async def source() -> AsyncIterator[int]:
        waiting = asyncio.get_running_loop().create_future()
        try:
            await (waiting if waits_for == "a future" else asyncio.sleep(0))
            yield 1
        except asyncio.CancelledError:
            steps.append("cancelled")
            assert waiting.cancelled() or waits_for == "a turn"
            raise

    request = start(source(), wire)
    asyncio.get_running_loop().call_soon(lambda: stream_task().cancel())
    async with asyncio.timeout(20):
        await asyncio.wait((request,))
    assert steps == ["cancelled"]
    assert wire.outcome.reason == "disconnected"


async def test_a_source_is_in_one_task_and_context_from_its_first_step_on() -> None:
    wire, seen = Wire(), list[object]()
    variable = contextvars.ContextVar[int]("variable")

    async def source() -> AsyncIterator[int]:
        seen.append(asyncio.current_task())
        variable.set(1)
        async with asyncio.timeout(20):  # it refuses to be left in another task
            yield 1
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())
            assert variable.get() == 1
            yield 2

    request = asyncio.current_task()
    await stream(source(), wire)
    assert asyncio.current_task() is request
    assert wire.body == b"1\n2\n"
    assert seen[0] is seen[1]
    assert seen[0] is not request
    assert variable.get(None) is None


async def test_a_source_that_never_pauses_is_over_within_its_requests_turn() -> None:
    wire, turns = Wire(), list[int]()

    async def source() -> AsyncIterator[int]:
        yield 1
        yield 2

    asyncio.get_running_loop().call_soon(turns.append, 1)
    await stream(source(), wire)
    assert turns == []
    assert wire.is_complete
    assert wire.receive_calls == 0
    assert wire.outcome.reason == "completed"
