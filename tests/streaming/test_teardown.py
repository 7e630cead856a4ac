"""What a stream opened is closed once, by the task that opened it, whatever ended the stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import pytest

from jero.errors import StreamInterrupted
from jero.policy import StreamOutcome
from tests.streaming.wire import Wire, start, stream


class Resource:
    """Notes how it was left, after an await."""

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
    """A stream that ends in one of the ways there are, with what it is to be torn down by."""

    def __init__(self) -> None:
        self.wire = Wire()
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
    await stream(source, scene.wire)


async def leave(scene: Scene, source: Any) -> None:
    request = start(source, scene.wire)
    await scene.waiting.wait()
    scene.wire.leave()
    await request


async def cancel(scene: Scene, source: Any) -> None:
    request = start(source, scene.wire)
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
    assert scene.wire.outcome.reason == reason


@pytest.mark.parametrize("end", ENDS)
async def test_the_yield_of_a_lifecycle_gives_the_outcome(end: str) -> None:
    scene = Scene()
    items, run, reason = ENDS[end]
    await run(scene, scene.lifecycle(items(scene)))
    (outcome,) = scene.outcomes
    assert outcome.reason == reason
    assert outcome.items == 1
    assert (outcome.error is not None) == (reason == "failed")


async def test_a_context_manager_is_left_with_what_failed() -> None:
    scene = Scene()
    await stream(scene.manager(scene.fail()), scene.wire)
    (error,) = scene.resource.exits
    assert isinstance(error, ValueError)
    assert scene.wire.outcome.error is error


async def test_a_context_manager_that_raises_what_it_was_left_with_is_no_further_failure(
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

    await stream(Manager(), scene.wire)
    assert str(scene.wire.outcome.error) == "of the source"
    assert "a further failure" not in caplog.text


async def test_a_context_manager_is_left_with_streaminterrupted_when_it_is_cut_short() -> None:
    scene = Scene()
    await leave(scene, scene.manager(scene.wait()))
    (error,) = scene.resource.exits
    assert isinstance(error, StreamInterrupted)
    assert error.reason == "disconnected"


async def test_a_context_manager_is_left_without_an_error_when_the_stream_completed() -> None:
    scene = Scene()
    await stream(scene.manager(scene.drain()), scene.wire)
    assert scene.resource.exits == [None]


async def test_the_items_are_closed_before_the_lifecycle_goes_on() -> None:
    wire, steps, waiting = Wire(), list[str](), asyncio.Event()

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

    request = start(lifecycle(), wire)
    await waiting.wait()
    wire.leave()
    await request
    assert steps == ["items", "lifecycle"]


@pytest.mark.parametrize("has_items", [True, False])
async def test_a_commit_that_fails_is_seen_by_the_client(*, has_items: bool, caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire()

    async def items() -> AsyncIterator[int]:
        if has_items:
            yield 1

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        yield items()
        await asyncio.sleep(0)
        raise ValueError("of the commit")

    if has_items:  # the status is sent: the transfer is cut
        await stream(lifecycle(), wire)
        assert wire.body == b"1\n"
        assert not wire.is_complete
        assert caplog.text.count("of the commit") == 2  # its line of code, and its message: one traceback
    else:  # nothing is sent: the caller answers
        with pytest.raises(ValueError, match="of the commit"):
            await stream(lifecycle(), wire)
        assert wire.messages == []
    assert wire.outcome.reason == "failed"


async def test_a_second_yield_of_a_lifecycle_fails_the_stream() -> None:
    wire, steps = Wire(), list[str]()

    async def items() -> AsyncIterator[int]:
        yield 1

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        try:
            yield items()
            yield items()
        finally:
            steps.append("closed")

    await stream(lifecycle(), wire)
    assert wire.outcome.reason == "failed"
    assert "lifecycle yielded a second time" in str(wire.outcome.error)
    assert steps == ["closed"]
    assert not wire.is_complete


async def test_a_further_failure_of_the_teardown_is_logged_and_the_first_one_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wire = Wire()

    async def items() -> AsyncIterator[int]:
        yield 1
        raise ValueError("the first")

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        yield items()
        raise ValueError("the second")

    await stream(lifecycle(), wire)
    assert str(wire.outcome.error) == "the first"
    assert "ValueError: the second" in caplog.text
    assert "ValueError: the first" in caplog.text


async def test_items_that_cannot_be_closed_do_not_keep_the_lifecycle_from_its_teardown() -> None:
    wire, outcomes, waiting = Wire(), list[StreamOutcome](), asyncio.Event()

    async def items() -> AsyncIterator[int]:
        try:
            yield 1
            waiting.set()
            await asyncio.get_running_loop().create_future()
        finally:
            raise ValueError("of the closing")

    async def lifecycle() -> AsyncGenerator[AsyncIterator[int], StreamOutcome]:
        outcomes.append((yield items()))

    request = start(lifecycle(), wire)
    await waiting.wait()
    wire.leave()
    await request
    assert [outcome.reason for outcome in outcomes] == ["failed"]
    assert wire.outcome.reason == "failed"


async def test_the_requests_cancellation_does_not_reach_the_teardown() -> None:
    wire, steps = Wire(), list[str]()
    in_teardown, may_go_on = asyncio.Event(), asyncio.Event()

    async def items() -> AsyncIterator[int]:
        yield 1

    async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
        yield items()
        in_teardown.set()
        await may_go_on.wait()
        steps.append("torn down")

    request = start(lifecycle(), wire)
    await in_teardown.wait()
    for _ in range(5):
        request.cancel()
        await asyncio.sleep(0)
    assert not request.done()
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert steps == ["torn down"]


async def test_the_report_is_made_whatever_it_raises(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()

    async def report(_: StreamOutcome) -> None:
        raise ValueError("of the report")

    await stream(scene.drain(), scene.wire, on_end=report)
    assert scene.wire.is_complete
    assert "of the report" in caplog.text
