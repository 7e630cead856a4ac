"""Tests the first step of a stream: inside its request's turn of the event loop, in the name of its own task.

A request cannot be cancelled from outside while this step runs: the step is one call without a pause, so nothing else
runs in the event loop. Only the source itself can cancel it then. Right after the step everybody can.
"""

import asyncio
import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from tests.streaming.connection import (
    Connection,
    start_and_call,
    stream,
    stream_task,
)

variable = contextvars.ContextVar[str]("variable", default="unset")


async def wait_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def wait_for_a_future() -> None:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, None)
    await future


async def wait_for_a_task() -> None:
    await asyncio.create_task(asyncio.sleep(0))


async def wait_for_a_ready_future() -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    await future
    await asyncio.sleep(0)


PAUSES: dict[str, Callable[[], Awaitable[object]]] = {
    "a turn": lambda: asyncio.sleep(0),
    "a timer": lambda: asyncio.sleep(0.001),
    "a future": wait_for_a_future,
    "a future that is ready": wait_for_a_ready_future,
    "a task": wait_for_a_task,
    "a thread": lambda: asyncio.to_thread(int),
    "a checkpoint of anyio": anyio.lowlevel.checkpoint,
    "a shielded checkpoint of anyio": anyio.lowlevel.cancel_shielded_checkpoint,
}


@pytest.fixture(params=PAUSES)
def pause(request: pytest.FixtureRequest) -> Callable[[], Awaitable[object]]:
    """Returns a function whose call is the first pause of a source."""
    return PAUSES[request.param]


@pytest.mark.usefixtures("long_turns")
async def test_a_source_that_never_pauses_is_over_within_its_requests_turn() -> None:
    connection, turns = Connection(), list[int]()

    async def source() -> AsyncIterator[int]:
        yield 1
        yield 2

    asyncio.get_running_loop().call_soon(turns.append, 1)
    await stream(source(), connection)
    assert turns == []
    assert connection.is_complete
    assert connection.receive_calls == 0
    assert connection.outcome.reason == "completed"


async def test_a_source_is_in_one_task_and_context_before_and_after_its_first_pause(
    pause: Callable[[], Awaitable[object]],
) -> None:
    connection, seen = Connection(), list[object]()
    variable.set("of the request")

    def look() -> None:
        seen.append(asyncio.current_task())

    async def source() -> AsyncIterator[str]:
        look()
        yield variable.get()
        variable.set("of the source")
        await pause()
        look()
        yield variable.get()

    request = asyncio.current_task()
    await stream(source(), connection)
    assert connection.bodies == [b'"of the request"\n', b'"of the source"\n', b""]
    assert connection.is_complete
    assert seen[0] is seen[1]
    assert request not in seen
    assert asyncio.current_task() is request
    assert variable.get() == "of the request"


async def test_a_pause_before_the_first_item_is_waited_for_too(pause: Callable[[], Awaitable[object]]) -> None:
    connection = Connection()

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        await pause()
        yield items()

    async def items() -> AsyncIterator[int]:
        yield 1

    await stream(lifecycle(), connection)
    assert connection.body == b"1\n"
    assert connection.outcome.reason == "completed"


async def child(done: list[str]) -> None:
    await asyncio.sleep(0)
    done.append(variable.get())


@asynccontextmanager
async def task_group(done: list[str]) -> AsyncGenerator[None]:
    async with asyncio.TaskGroup() as group:
        group.create_task(child(done))
        yield


@asynccontextmanager
async def anyio_task_group(done: list[str]) -> AsyncGenerator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(child, done)
        yield


@asynccontextmanager
async def cancel_scope(done: list[str]) -> AsyncGenerator[None]:
    with anyio.CancelScope():
        yield
    await child(done)


@asynccontextmanager
async def timeout(done: list[str]) -> AsyncGenerator[None]:
    async with asyncio.timeout(20):
        yield
    await child(done)


@asynccontextmanager
async def anyio_timeout(done: list[str]) -> AsyncGenerator[None]:
    with anyio.fail_after(20):
        yield
    await child(done)


GUARDS: list[Callable[[list[str]], AbstractAsyncContextManager[None]]] = [
    task_group,
    anyio_task_group,
    cancel_scope,
    timeout,
    anyio_timeout,
]


@pytest.mark.parametrize("guard", GUARDS)
async def test_a_guard_is_entered_before_the_first_pause_and_left_after_it(
    guard: Callable[[list[str]], AbstractAsyncContextManager[None]], pause: Callable[[], Awaitable[object]]
) -> None:
    connection, done = Connection(), list[str]()

    async def source() -> AsyncIterator[int]:
        variable.set("of the source")
        async with guard(done):
            yield 1
            await pause()
            yield 2
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    async with asyncio.timeout(20):
        await stream(source(), connection)
    assert connection.body == b"1\n2\n"
    assert connection.outcome.reason == "completed"
    assert done == ["of the source"]


def cancel_current_task() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


@pytest.mark.parametrize("yields_first", [True, False])
async def test_a_source_that_cancels_its_own_task_is_cancelled_at_its_first_pause(*, yields_first: bool) -> None:
    connection, steps = Connection(), list[str]()

    async def source() -> AsyncIterator[int]:
        try:
            cancel_current_task()
            steps.append("went on")
            if yields_first:
                yield 1
            await wait_for_ever()
            yield 2
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise

    async with asyncio.timeout(20):
        await stream(source(), connection)
    assert steps == ["went on", "cancelled"]
    assert connection.body == (b"1\n" if yields_first else b"")
    assert connection.outcome.reason == "disconnected"
    assert connection.outcome.error is None


async def test_a_source_may_catch_the_cancellation_of_its_first_step_and_go_on() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[int]:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        yield 1
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            task.uncancel()
            yield 2
        await asyncio.sleep(0)
        yield 3

    await stream(source(), connection)
    assert connection.body == b"1\n2\n3\n"
    assert connection.outcome.reason == "completed"


async def test_a_source_that_cancels_its_own_task_and_ends_is_complete() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[int]:
        yield 1
        cancel_current_task()

    await stream(source(), connection)
    await asyncio.sleep(0)
    assert connection.is_complete
    assert connection.outcome.reason == "completed"
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("waits_for", ["a future", "a turn"])
async def test_a_task_that_is_cancelled_right_after_its_first_step_cancels_what_its_source_waits_for(
    waits_for: str,
) -> None:
    connection, steps = Connection(), list[str]()

    async def source() -> AsyncIterator[int]:
        waiting = asyncio.get_running_loop().create_future()
        try:
            await (waiting if waits_for == "a future" else asyncio.sleep(0))
            yield 1
        except asyncio.CancelledError:
            steps.append("cancelled")
            assert waiting.cancelled() or waits_for == "a turn"
            raise

    request = start_and_call(lambda: stream_task().cancel(), source(), connection)
    async with asyncio.timeout(20):
        await asyncio.wait((request,))
    assert steps == ["cancelled"]
    assert connection.outcome.reason == "disconnected"


async def test_a_cancellation_right_after_the_first_step_does_not_take_a_result_from_the_source() -> None:
    connection, steps = Connection(), list[str]()
    waiting = asyncio.get_running_loop().create_future()

    async def source() -> AsyncIterator[int]:
        try:
            await waiting
            yield 1
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise

    def resolve_and_cancel() -> None:
        waiting.set_result(None)
        stream_task().cancel()

    request = start_and_call(resolve_and_cancel, source(), connection)
    async with asyncio.timeout(20):
        await asyncio.wait((request,))
    assert steps == ["cancelled"]  # as in any task: its future is resolved, so the cancellation is raised instead


@pytest.mark.parametrize("pauses", ["once", "for ever"])
async def test_a_request_that_is_cancelled_right_after_the_first_step_waits_for_the_teardown(pauses: str) -> None:
    connection, steps = Connection(), list[str]()

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            await (asyncio.sleep(0) if pauses == "once" else wait_for_ever())
        finally:
            try:
                await asyncio.sleep(0)
            finally:  # the cancellation may come while the source ends
                steps.append("closed")

    def cancel() -> None:
        request.cancel()

    request = start_and_call(cancel, source(), connection)
    with pytest.raises(asyncio.CancelledError):
        await request
    assert steps == ["closed"]
    assert connection.outcome.reason == "disconnected"


@pytest.mark.parametrize("pauses", ["once", "for ever"])
async def test_a_source_that_cancels_its_request_in_its_first_step_ends_it_after_the_teardown(pauses: str) -> None:
    connection, steps = Connection(), list[str]()

    async def source() -> AsyncIterator[int]:
        requests[0].cancel()
        try:
            yield 1
            await (asyncio.sleep(0) if pauses == "once" else wait_for_ever())
        finally:
            steps.append("closed")

    async def run() -> None:
        request = asyncio.current_task()
        assert request is not None
        requests.append(request)
        await stream(source(), connection)

    requests = list[asyncio.Task[None]]()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(run())
    assert steps == ["closed"]


@pytest.mark.parametrize("kind", [list, iter, set])
async def test_a_synchronous_source_pauses_in_its_first_step(kind: Callable[[list[int]], Any]) -> None:
    connection = Connection()
    await stream(kind([1, 2]), connection)
    assert connection.body == b"1\n2\n"
    assert connection.outcome.reason == "completed"


async def test_a_stream_within_the_first_step_of_a_stream_has_its_own_task() -> None:
    inner, outer, tasks = Connection(), Connection(), list[asyncio.Task[Any] | None]()

    async def inner_source() -> AsyncIterator[int]:
        tasks.append(asyncio.current_task())
        yield 1
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())

    async def outer_source() -> AsyncIterator[int]:
        tasks.append(asyncio.current_task())
        await stream(inner_source(), inner)
        tasks.append(asyncio.current_task())
        yield 2

    await stream(outer_source(), outer)
    assert (inner.body, outer.body) == (b"1\n", b"2\n")
    assert tasks[0] is tasks[3]
    assert tasks[1] is tasks[2]
    assert len({asyncio.current_task(), *tasks}) == 3
