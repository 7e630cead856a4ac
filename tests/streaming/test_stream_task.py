"""Tests the task of a stream as asyncio, task factories and debuggers use it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jero.policy import EndReason, StreamPolicy
from tests.streaming.connection import Connection, skip_time, start, stream, stream_task


async def two(*, pauses: bool) -> AsyncIterator[int]:
    yield 1
    if pauses:
        await asyncio.sleep(0)
    yield 2


def test_a_call_outside_of_a_task_is_refused() -> None:
    connection, raised = Connection(), list[RuntimeError]()

    async def test() -> None:
        def call() -> None:
            with pytest.raises(RuntimeError, match="runs in a task of asyncio") as refused:
                calling.send(None)
            raised.append(refused.value)

        calling = stream(two(pauses=False), connection)
        asyncio.get_running_loop().call_soon(call)
        await asyncio.sleep(0)

    asyncio.run(test())
    assert len(raised) == 1


@pytest.mark.parametrize("pauses", [True, False])
def test_a_debugging_event_loop_accepts_a_first_step(*, pauses: bool) -> None:
    connection = Connection()
    asyncio.run(stream(two(pauses=pauses), connection), debug=True)
    assert connection.body == b"1\n2\n"


# Run in a process of its own: a task that is not initialized crashes the interpreter.
PROGRAM = """
import asyncio, anyio
from tests.streaming.connection import Connection, stream

async def source():
    task = asyncio.current_task()
    for _ in range(2):
        assert {expression}
        yield 1
        await asyncio.sleep(0)

connection = Connection()
asyncio.run(stream(source(), connection))
assert connection.body == b"1\\n1\\n"
"""


@pytest.mark.parametrize(
    "expression",
    [
        "task.get_name() == 'stream GET Endpoint'",
        "'stream GET Endpoint' in repr(task)",
        "task.get_coro() is not None",
        "task in asyncio.all_tasks()",
        "anyio.get_current_task().id == id(task)",
        "task.get_loop() is asyncio.get_running_loop()",
        "task.get_stack() is not None",
        "not task.done()",
        "task.cancelling() == 0",
        "{task: 1}[asyncio.current_task()] == 1",
    ],
)
def test_a_source_may_look_at_its_task_in_any_step(expression: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(expression=expression)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def test_a_callback_of_the_streams_task_is_called_at_its_end() -> None:
    connection, called = Connection(), list[asyncio.Task[object]]()

    async def source() -> AsyncIterator[int]:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(called.append)
        yield 1
        await asyncio.sleep(0)

    await stream(source(), connection)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(called) == 1


def wrap_tasks(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """Makes tasks as tracing libraries do: each runs a coroutine that awaits the given one."""

    async def traced() -> object:
        return await coroutine

    return asyncio.Task(traced(), loop=loop, **options)


@pytest.mark.parametrize("pauses", [True, False])
def test_a_task_factory_may_wrap_the_streams_coroutine(*, pauses: bool) -> None:
    connection = Connection()

    async def test() -> None:
        asyncio.get_running_loop().set_task_factory(wrap_tasks)
        async with asyncio.timeout(5):
            await start(two(pauses=pauses), connection)
            await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    asyncio.run(test())
    assert connection.body == b"1\n2\n"
    assert connection.is_complete


async def test_the_stack_of_a_streams_task_shows_where_it_waits() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[int]:
        yield 1
        await asyncio.get_running_loop().create_future()

    request = start(source(), connection)
    await connection.wait_for_bytes(b"1\n")
    assert "stream GET Endpoint" in repr(stream_task())
    names = [frame.f_code.co_name for frame in stream_task().get_stack()]
    connection.leave()
    await request
    assert names


def test_an_error_of_the_engine_itself_is_raised_to_the_request() -> None:
    async def test() -> None:
        connection = Connection()

        async def source() -> AsyncIterator[int]:
            yield 1
            await asyncio.get_running_loop().create_future()

        def final_frame(reason: EndReason) -> bytes:
            raise LookupError("of the final frame")

        with pytest.raises(LookupError, match="of the final frame"):
            await stream(source(), connection, policy=StreamPolicy(max_duration=1), final_frame=final_frame)
        assert not connection.is_complete
        assert asyncio.all_tasks() == {asyncio.current_task()}

    skip_time(test())
