"""Tests the teardown: the task that opened a source closes it once, in each way to end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import pytest

from jero.errors import StreamInterrupted
from jero.policy import StreamOutcome
from tests.streaming.connection import Connection, start, stream


class Resource:
    """A context manager that records how it was left, and in which tasks. It pauses first."""

    def __init__(self) -> None:
        self.exits: list[BaseException | None] = []
        self.tasks: list[asyncio.Task[Any] | None] = []

    async def __aenter__(self) -> Self:
        self.tasks.append(asyncio.current_task())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.sleep(0)
        self.tasks.append(asyncio.current_task())
        self.exits.append(error)


class Scene:
    """Sources that end in different ways, and streams of each kind with a resource to tear down."""

    def __init__(self) -> None:
        self.connection = Connection()
        self.resource = Resource()
        self.outcomes: list[StreamOutcome] = []
        self.waiting = asyncio.Event()

    async def drain(self) -> AsyncIterator[Any]:
        yield 1

    async def fail(self) -> AsyncIterator[Any]:
        yield 1
        raise ValueError("of the source")

    async def yield_what_has_no_json(self) -> AsyncIterator[Any]:
        yield 1
        yield object()

    async def wait(self) -> AsyncIterator[Any]:
        yield 1
        self.waiting.set()
        await asyncio.get_running_loop().create_future()

    async def generator(self, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async with self.resource:
            async for item in items:
                yield item

    async def lifecycle(self, items: AsyncIterator[Any]) -> AsyncGenerator[AsyncIterable[Any], StreamOutcome]:
        async with self.resource:
            self.outcomes.append((yield items))

    @asynccontextmanager
    async def manager(self, items: AsyncIterator[Any]) -> AsyncGenerator[AsyncIterator[Any], None]:
        async with self.resource:
            yield items


async def run_to_end(scene: Scene, source: Any) -> None:
    await stream(source, scene.connection)


async def leave(scene: Scene, source: Any) -> None:
    request = start(source, scene.connection)
    await scene.waiting.wait()
    scene.connection.leave()
    await request


async def cancel(scene: Scene, source: Any) -> None:
    request = start(source, scene.connection)
    await scene.waiting.wait()
    request.cancel("of the request")
    with pytest.raises(asyncio.CancelledError, match="of the request"):
        await request


End = tuple[Callable[[Scene], AsyncIterator[Any]], Callable[[Scene, Any], Any], str]
ENDS: dict[str, End] = {
    "drain": (Scene.drain, run_to_end, "completed"),
    "error": (Scene.fail, run_to_end, "failed"),
    "encode failure": (Scene.yield_what_has_no_json, run_to_end, "failed"),
    "disconnect": (Scene.wait, leave, "disconnected"),
    "cancellation": (Scene.wait, cancel, "disconnected"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", [Scene.generator, Scene.lifecycle, Scene.manager])
async def test_a_resource_is_left_once_in_the_task_that_entered_it(
    kind: Callable[[Scene, AsyncIterator[Any]], Any], end: str
) -> None:
    scene = Scene()
    items, run, reason = ENDS[end]
    await run(scene, kind(scene, items(scene)))
    assert len(scene.resource.exits) == 1
    assert len(set(scene.resource.tasks)) == 1
    assert scene.connection.outcome.reason == reason


@pytest.mark.parametrize("end", ENDS)
async def test_the_yield_of_a_lifecycle_returns_the_outcome(end: str) -> None:
    scene = Scene()
    items, run, reason = ENDS[end]
    await run(scene, scene.lifecycle(items(scene)))
    (outcome,) = scene.outcomes
    assert outcome.reason == reason
    assert outcome.items == 1
    assert (outcome.error is not None) == (reason == "failed")


async def test_a_context_manager_is_left_with_the_error_of_the_stream() -> None:
    scene = Scene()
    await stream(scene.manager(scene.fail()), scene.connection)
    (error,) = scene.resource.exits
    assert isinstance(error, ValueError)
    assert scene.connection.outcome.error is error


async def test_a_context_manager_may_raise_the_error_that_it_was_left_with(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()

    class Manager:
        async def __aenter__(self) -> AsyncIterator[Any]:
            return scene.fail()

        async def __aexit__(
            self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
        ) -> None:
            if error is not None:
                raise error

    await stream(Manager(), scene.connection)
    assert str(scene.connection.outcome.error) == "of the source"
    assert "a further failure" not in caplog.text


async def test_a_context_manager_of_a_stopped_stream_is_left_with_stream_interrupted() -> None:
    scene = Scene()
    await leave(scene, scene.manager(scene.wait()))
    (error,) = scene.resource.exits
    assert isinstance(error, StreamInterrupted)
    assert error.reason == "disconnected"


async def test_a_context_manager_of_a_completed_stream_is_left_without_an_error() -> None:
    scene = Scene()
    await stream(scene.manager(scene.drain()), scene.connection)
    assert scene.resource.exits == [None]


async def test_the_items_are_closed_before_the_lifecycle_is_resumed() -> None:
    connection, steps, waiting = Connection(), list[str](), asyncio.Event()

    async def items() -> AsyncIterator[int]:
        try:
            yield 1
            waiting.set()
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            steps.append("items")

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        yield items()
        steps.append("lifecycle")

    request = start(lifecycle(), connection)
    await waiting.wait()
    connection.leave()
    await request
    assert steps == ["items", "lifecycle"]


@pytest.mark.parametrize("has_items", [True, False])
async def test_a_teardown_that_fails_is_visible_to_the_client(
    *, has_items: bool, caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection()

    async def items() -> AsyncIterator[int]:
        if has_items:
            yield 1

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        yield items()
        await asyncio.sleep(0)
        raise ValueError("of the commit")

    if has_items:  # the status is sent: the transfer is cut
        await stream(lifecycle(), connection)
        assert connection.body == b"1\n"
        assert not connection.is_complete
        assert caplog.text.count("of the commit") == 2  # one traceback: its line of code, and its message
    else:  # nothing is sent: the caller answers
        with pytest.raises(ValueError, match="of the commit"):
            await stream(lifecycle(), connection)
        assert connection.messages == []
    assert connection.outcome.reason == "failed"


async def test_a_second_yield_of_a_lifecycle_fails_the_stream() -> None:
    connection, steps = Connection(), list[str]()

    async def items() -> AsyncIterator[int]:
        yield 1

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        try:
            yield items()
            yield items()
        finally:
            steps.append("closed")

    await stream(lifecycle(), connection)
    assert connection.outcome.reason == "failed"
    assert "lifecycle yielded a second time" in str(connection.outcome.error)
    assert steps == ["closed"]
    assert not connection.is_complete


async def test_a_further_failure_in_the_teardown_is_only_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = Connection()

    async def items() -> AsyncIterator[int]:
        yield 1
        raise ValueError("the first")

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        yield items()
        raise ValueError("the second")

    await stream(lifecycle(), connection)
    assert str(connection.outcome.error) == "the first"
    assert "ValueError: the second" in caplog.text
    assert "ValueError: the first" in caplog.text


async def test_a_lifecycle_is_resumed_even_if_its_items_fail_to_close() -> None:
    connection, outcomes, waiting = Connection(), list[StreamOutcome](), asyncio.Event()

    async def items() -> AsyncIterator[int]:
        try:
            yield 1
            waiting.set()
            await asyncio.get_running_loop().create_future()
        finally:
            raise ValueError("of the closing")

    async def lifecycle() -> AsyncGenerator[AsyncIterator[int], StreamOutcome]:
        outcomes.append((yield items()))

    request = start(lifecycle(), connection)
    await waiting.wait()
    connection.leave()
    await request
    assert [outcome.reason for outcome in outcomes] == ["failed"]
    assert connection.outcome.reason == "failed"


async def test_a_cancellation_of_the_request_does_not_interrupt_the_teardown() -> None:
    connection, steps = Connection(), list[str]()
    in_teardown, may_go_on = asyncio.Event(), asyncio.Event()

    async def items() -> AsyncIterator[int]:
        yield 1

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        yield items()
        in_teardown.set()
        await may_go_on.wait()
        steps.append("torn down")

    request = start(lifecycle(), connection)
    await in_teardown.wait()
    for _ in range(5):
        request.cancel()
        await asyncio.sleep(0)
    assert not request.done()
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert steps == ["torn down"]


async def test_an_on_end_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()

    async def report(_: StreamOutcome) -> None:
        raise ValueError("of the report")

    await stream(scene.drain(), scene.connection, on_end=report)
    assert scene.connection.is_complete
    assert "of the report" in caplog.text
