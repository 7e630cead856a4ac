"""Tests that one task owns the source: contexts, timeouts and task groups work across a `yield`, as in `async for`."""

import asyncio
import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import anyio
import pytest

from jero.framing.raw import RAW
from jero.streaming.stream import Stream
from jero.streaming.turns import Turns
from tests.streaming.connection import Connection, make_plan, skip_time, start, stream

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def test_every_step_and_the_closing_run_in_one_task_and_one_context() -> None:
    connection = Connection()
    seen: list[tuple[asyncio.Task[None] | None, str]] = []

    async def source() -> AsyncIterator[int]:
        variable.set("of the source")
        try:
            for number in range(3):
                seen.append((asyncio.current_task(), variable.get()))
                yield number
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            seen.append((asyncio.current_task(), variable.get()))

    await stream(source(), connection)
    assert len(seen) == 4
    assert len(set(seen)) == 1
    assert seen[0][1] == "of the source"
    assert variable.get() == "unset"


async def test_the_source_has_the_context_of_the_request() -> None:
    connection = Connection()
    variable.set("of the request")

    async def source() -> AsyncIterator[str]:
        yield variable.get()

    await stream(source(), connection)
    assert connection.body == b'"of the request"\n'


async def test_a_context_variable_is_reset_across_yields() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[str]:
        token = variable.set("inside")
        try:
            yield variable.get()
            await asyncio.sleep(0)
            yield variable.get()
        finally:
            variable.reset(token)

    await stream(source(), connection)
    assert connection.outcome.reason == "completed"


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


SECONDS = 0.01


async def fail() -> None:
    await asyncio.sleep(SECONDS)
    raise TimeoutError


@asynccontextmanager
async def cancel_scope() -> AsyncGenerator[None, None]:
    with anyio.fail_after(SECONDS):
        yield


@asynccontextmanager
async def task_group() -> AsyncGenerator[None, None]:
    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        yield


@asynccontextmanager
async def anyio_task_group() -> AsyncGenerator[None, None]:
    async with anyio.create_task_group() as group:
        group.start_soon(fail)
        yield


Guard = Callable[[], AbstractAsyncContextManager[object]]
GUARDS: list[Guard] = [partial(asyncio.timeout, SECONDS), cancel_scope, task_group, anyio_task_group]


async def guarded(guard: Guard, ended: list[str], *, is_busy: bool) -> AsyncIterator[bytes]:
    """Yields within the guard. Adds to `ended` when the guard has cancelled it."""
    try:
        async with guard():
            while True:
                yield b"x" * 100
                if not is_busy:
                    await forever()
    except* TimeoutError:
        ended.append("timed out")
    yield b"after"


@pytest.mark.parametrize("guard", GUARDS)
async def test_a_timeout_around_a_yield_cancels_a_source_that_waits(guard: Guard) -> None:
    connection, ended = Connection(), list[str]()
    async with asyncio.timeout(10):
        await stream(guarded(guard, ended, is_busy=False), connection, framing=RAW)
    assert ended == ["timed out"]
    assert connection.outcome.reason == "completed"
    assert connection.body.endswith(b"after")
    assert connection.is_complete


@pytest.mark.parametrize("guard", GUARDS)
async def test_a_timeout_around_a_yield_cancels_a_source_that_never_pauses(guard: Guard) -> None:
    connection, ended = Connection(), list[str]()
    async with asyncio.timeout(10):
        await stream(guarded(guard, ended, is_busy=True), connection, framing=RAW)
    assert ended == ["timed out"]
    assert connection.outcome.reason == "completed"
    assert connection.body.endswith(b"after")


@pytest.mark.parametrize("is_busy", [True, False])
@pytest.mark.parametrize("guard", GUARDS)
def test_a_timeout_around_a_yield_does_not_break_off_a_slow_send(guard: Guard, *, is_busy: bool) -> None:
    async def test() -> None:
        connection, ended = Connection(), list[str]()
        connection.block()
        request = start(guarded(guard, ended, is_busy=is_busy), connection, framing=RAW)
        await connection.blocked.wait()
        await asyncio.sleep(0.02)  # longer than the timeout
        assert not ended
        connection.unblock()
        await request
        assert ended == ["timed out"]
        assert connection.outcome.reason == "completed"
        assert len(connection.body) == connection.outcome.bytes
        assert connection.body.endswith(b"after")

    skip_time(test())


async def test_a_client_that_leaves_ends_a_task_group_of_the_source() -> None:
    connection = Connection()
    ended = list[str]()

    async def work() -> None:
        try:
            await forever()
        finally:
            ended.append("work")

    async def source() -> AsyncIterator[int]:
        async with asyncio.TaskGroup() as group:
            group.create_task(work())
            yield 1
            await forever()

    request = start(source(), connection)
    await connection.wait_for_bytes(b"1\n")
    connection.leave()
    await request
    assert ended == ["work"]
    assert connection.outcome.reason == "disconnected"


async def test_a_task_group_works_in_the_teardown_of_a_cancelled_source() -> None:
    connection, ended = Connection(), list[str]()

    async def fail() -> None:
        raise ValueError

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        yield items()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await forever()
        except* ValueError:
            ended.append("caught")
        await asyncio.sleep(0)
        ended.append("went on")

    async def items() -> AsyncIterator[int]:
        yield 1
        await forever()

    request = start(lifecycle(), connection)
    await connection.wait_for_bytes(b"1\n")
    connection.leave()
    await request
    assert ended == ["caught", "went on"]


async def test_a_timeout_works_in_the_teardown_of_a_cancelled_source() -> None:
    connection = Connection()
    ended = list[str]()

    async def source() -> AsyncIterator[AsyncIterator[int]]:
        yield items()
        try:
            async with asyncio.timeout(0.001):
                await forever()
        except TimeoutError:
            ended.append("timed out")

    async def items() -> AsyncIterator[int]:
        yield 1
        await forever()

    request = start(source(), connection)
    await connection.wait_for_bytes(b"1\n")
    connection.leave()
    await request
    assert ended == ["timed out"]
    assert connection.outcome.reason == "disconnected"


async def test_a_stream_keeps_the_context_that_it_is_given_even_if_that_is_empty() -> None:
    """Its timers run in that context, and so does the task that has opened its dependencies."""
    connection, context = Connection(), contextvars.Context()
    assert Stream(make_plan([1], connection.report), connection.send, Turns(), context).context is context
