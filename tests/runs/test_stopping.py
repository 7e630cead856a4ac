"""A run that is stopped: in whatever phase it is, its source is closed once, and its followers are told."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from jero import StreamInterrupted, StreamOutcome
from jero.runs import RunEnd, Runs, producer
from jero.streaming import limits
from tests.runs.reading import (
    ANN,
    Item,
    Steered,
    check_whole,
    counting,
    end_of,
    numbers,
    read,
    register_of,
    until,
    until_ended,
)

STOPPED = RunEnd(outcome="stopped")


class Noting:
    """A source that notes how it was left. It waits where the test says."""

    def __init__(self, waits_in: str = "") -> None:
        self._waits_in = waits_in
        self.is_waiting = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.left_with: list[BaseException | None] = []

    async def __aenter__(self) -> AsyncIterator[Item]:
        await self._wait("setup")
        return self._items()

    async def __aexit__(self, _: object, error: BaseException | None, traceback: object) -> None:
        await self._wait("teardown")
        self.left_with.append(error)

    async def _items(self) -> AsyncIterator[Item]:
        yield Item(1)
        await self._wait("items")
        yield Item(2)

    async def _wait(self, where: str) -> None:
        if where == self._waits_in:
            self.is_waiting.set()
            await self.goes_on.wait()


async def stop(runs: Runs[Any], run_id: str) -> RunEnd:
    await runs.stop(run_id, owner=ANN)
    return end_of(await read(runs, run_id))


async def test_a_run_is_stopped_while_its_source_waits(runs: Runs[Item]) -> None:
    source = Noting("items")
    run = await runs.start(source, owner=ANN)
    await source.is_waiting.wait()
    following = asyncio.create_task(read(runs, run.id))
    assert await stop(runs, run.id) == STOPPED
    assert numbers(await following) == [1]
    (error,) = source.left_with
    assert isinstance(error, StreamInterrupted)
    assert error.reason == "stopped"
    status = await runs.status(run.id, owner=ANN)
    assert (status.state, status.items) == ("stopped", 1)


async def test_a_run_is_stopped_before_its_first_step(runs: Runs[Item]) -> None:
    steered, noting = Steered(), Noting()
    for source in (steered, noting):
        run = await runs.start(source, owner=ANN)
        await runs.stop(run.id, owner=ANN)
        assert end_of(await read(runs, run.id)) == STOPPED
    assert steered.pulled == 0
    assert steered.is_closed
    assert noting.left_with == []  # it was not entered


async def test_a_run_is_stopped_in_its_setup(runs: Runs[Item]) -> None:
    source = Noting("setup")
    run = await runs.start(source, owner=ANN)
    await source.is_waiting.wait()
    assert await stop(runs, run.id) == STOPPED
    assert source.left_with == []  # it was not entered


async def test_a_run_whose_source_has_ended_is_not_stopped(runs: Runs[Item]) -> None:
    source = Noting("teardown")
    run = await runs.start(source, owner=ANN)
    await source.is_waiting.wait()
    await runs.stop(run.id, owner=ANN)
    assert (await runs.status(run.id, owner=ANN)).state == "running"
    source.goes_on.set()
    check_whole(await read(runs, run.id), 2)
    assert source.left_with == [None]


async def test_a_run_that_has_ended_is_not_stopped(runs: Runs[Item]) -> None:
    run = await runs.start(counting(2), owner=ANN)
    await read(runs, run.id)
    for _ in range(2):
        await runs.stop(run.id, owner=ANN)
        check_whole(await read(runs, run.id), 2)


async def test_a_run_is_stopped_once(runs: Runs[Item]) -> None:
    has_written, rolled_back = asyncio.Event(), False

    async def source() -> AsyncIterator[Item]:
        nonlocal rolled_back
        try:
            yield Item(1)
            has_written.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            for _ in range(5):
                await checkpoint()
            rolled_back = True
            raise

    run = await runs.start(source(), owner=ANN)
    await has_written.wait()
    for _ in range(3):
        await runs.stop(run.id, owner=ANN)
        await checkpoint()
    assert end_of(await read(runs, run.id)) == STOPPED
    assert rolled_back  # a second cancellation would have broken it off


@pytest.mark.parametrize("then", ["ends", "yields", "waits"])
async def test_a_source_stops_its_own_run(runs: Runs[Item], then: str) -> None:
    run_id: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    outcomes: list[StreamOutcome] = []

    async def items() -> AsyncIterator[Item]:
        yield Item(1)
        await runs.stop(await run_id, owner=ANN)
        if then == "yields":
            yield Item(2)
        elif then == "waits":
            await asyncio.Event().wait()

    async def source() -> AsyncGenerator[AsyncIterable[Item], StreamOutcome]:
        outcome = yield items()
        for _ in range(5):  # a cancellation would come here
            await checkpoint()
        outcomes.append(outcome)

    run = await runs.start(source(), owner=ANN)
    run_id.set_result(run.id)
    events = await read(runs, run.id)
    assert end_of(events) == STOPPED
    assert numbers(events)[:1] == [1]
    assert [outcome.reason for outcome in outcomes] == ["stopped"]


async def test_a_source_without_a_teardown_stops_its_own_run(runs: Runs[Item]) -> None:
    run_id: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def source() -> AsyncIterator[Item]:
        yield Item(1)
        await runs.stop(await run_id, owner=ANN)

    run = await runs.start(source(), owner=ANN)
    run_id.set_result(run.id)
    assert end_of(await read(runs, run.id)) == STOPPED


async def test_a_source_that_never_pauses_is_stopped(runs: Runs[Item]) -> None:
    async def source() -> AsyncIterator[Item]:
        number = 0
        while True:
            number += 1
            yield Item(number)

    run = await runs.start(source(), owner=ANN)
    await read(runs, run.id, count=1)
    await runs.stop(run.id, owner=ANN)
    status = await until_ended(runs, run.id)
    assert status.state == "stopped"


async def test_a_source_in_a_thread_is_stopped(runs: Runs[Item]) -> None:
    closed = False

    def source() -> Iterator[Item]:
        nonlocal closed
        try:
            number = 0
            while True:
                number += 1
                yield Item(number)
        finally:
            closed = True

    run = await runs.start(source(), owner=ANN)
    await read(runs, run.id, count=1)
    await runs.stop(run.id, owner=ANN)
    assert (await until_ended(runs, run.id)).state == "stopped"
    assert closed


async def test_a_source_that_ignores_the_stop_is_not_pulled_for_ever(runs: Runs[Item]) -> None:
    has_written = asyncio.Event()

    async def source() -> AsyncIterator[Item]:
        number = 0
        while True:
            number += 1
            yield Item(number)
            has_written.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    run = await runs.start(source(), owner=ANN)
    await has_written.wait()
    assert await stop(runs, run.id) == STOPPED
    assert (await runs.status(run.id, owner=ANN)).items == 2


async def test_a_lifecycle_gets_stopped_as_its_outcome(runs: Runs[Item]) -> None:
    outcomes: list[StreamOutcome] = []
    items = Steered()

    async def source() -> AsyncGenerator[AsyncIterable[Item], StreamOutcome]:
        outcomes.append((yield items))

    run = await runs.start(source(), owner=ANN)
    items.send(Item(1))
    await items.has_written(1)
    assert await stop(runs, run.id) == STOPPED
    assert [(outcome.reason, outcome.items) for outcome in outcomes] == [("stopped", 1)]


async def test_a_teardown_that_fails_makes_a_stopped_run_a_failed_one(
    runs: Runs[Item], caplog: pytest.LogCaptureFixture
) -> None:
    @asynccontextmanager
    async def source() -> AsyncGenerator[AsyncIterable[Item], None]:
        try:
            yield Steered()
        finally:
            raise RuntimeError("not rolled back")

    run = await runs.start(source(), owner=ANN)
    await checkpoint()
    assert (await stop(runs, run.id)).outcome == "failed"
    assert [record.exc_text or record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_stop_that_was_obeyed_does_not_count_in_the_teardown(runs: Runs[Item]) -> None:
    cancelling: list[int] = []

    @asynccontextmanager
    async def source() -> AsyncGenerator[AsyncIterable[Item], None]:
        try:
            yield items
        finally:
            task = asyncio.current_task()
            assert task is not None
            cancelling.append(task.cancelling())  # timeouts and task groups look at it

    items = Steered()
    run = await runs.start(source(), owner=ANN)
    await items.has_written(0)
    assert await stop(runs, run.id) == STOPPED
    assert cancelling == [0]


class Deaf:
    """A source that goes on when it is cancelled, until the test ends it: in its items, or in its teardown."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.has_written = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.has_ended = asyncio.Event()

    async def __aenter__(self) -> AsyncIterator[Item]:
        return self._items()

    async def __aexit__(self, *_: object) -> None:
        if self._where == "teardown":
            await self._hang()
        self.has_ended.set()

    async def _items(self) -> AsyncIterator[Item]:
        yield Item(1)
        self.has_written.set()
        await (self._hang() if self._where == "items" else asyncio.Event().wait())

    async def _hang(self) -> None:
        while not self.goes_on.is_set():
            try:
                await self.goes_on.wait()
            except asyncio.CancelledError:
                continue


@pytest.mark.parametrize("where", ["items", "teardown"])
async def test_a_source_that_does_not_end_is_left_alone(
    runs: Runs[Item], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(producer, "TEARDOWN_SECONDS", 0.01)
    monkeypatch.setattr(limits, "RETRY_SECONDS", 0.01)
    source = Deaf(where)
    run = await runs.start(source, owner=ANN)
    await source.has_written.wait()
    end = await stop(runs, run.id)
    assert end.outcome == "failed"
    await until(lambda: not vars(runs)["_producers"])
    source.goes_on.set()
    await source.has_ended.wait()
    assert (await runs.status(run.id, owner=ANN)).state == "failed"


@pytest.mark.parametrize("make", [Steered, Noting, lambda: iter([Item(1)])])
async def test_a_start_that_is_cancelled_starts_nothing(
    runs: Runs[Item], monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]
) -> None:
    register = register_of(runs)
    begin, goes_on, is_waiting = register.begin, asyncio.Event(), asyncio.Event()

    async def slow_begin(new: Any) -> Any:
        is_waiting.set()
        await goes_on.wait()
        return await begin(new)

    monkeypatch.setattr(register, "begin", slow_begin)
    source = make()
    starting = asyncio.create_task(runs.start(source, owner=ANN, key="k"))
    await is_waiting.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    if isinstance(source, Steered):
        assert source.is_closed
        assert source.pulled == 0
    goes_on.set()
    await until(lambda: not vars(runs)["_undoing"])
    run = await runs.start([Item(1)], owner=ANN, key="k")
    assert run.is_new
    check_whole(await read(runs, run.id), 1)


async def test_a_key_whose_start_is_cancelled_begins_another_run_meanwhile(
    runs: Runs[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    register = register_of(runs)
    begin, goes_on, is_stored = register.begin, asyncio.Event(), asyncio.Event()

    async def begin_slowly(new: Any) -> Any:
        claim = await begin(new)
        is_stored.set()
        await goes_on.wait()
        return claim

    monkeypatch.setattr(register, "begin", begin_slowly)
    starting = asyncio.create_task(runs.start([Item(0)], owner=ANN, key="k"))
    await is_stored.wait()
    starting.cancel()
    is_stored.clear()
    starting_again = asyncio.create_task(runs.start([Item(1)], owner=ANN, key="k"))
    with pytest.raises(asyncio.CancelledError):
        await starting
    for _ in range(100):
        await checkpoint()
    assert not is_stored.is_set()  # it does not return a run that may be removed
    goes_on.set()
    run = await starting_again
    assert run.is_new
    check_whole(await read(runs, run.id), 1)


async def test_a_task_that_is_cancelled_from_elsewhere_ends_as_in_a_shutdown(runs: Runs[Item]) -> None:
    run = await runs.start(Steered(), owner=ANN)
    await checkpoint()
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == f"runs {run.id}"]
    task.cancel()
    assert end_of(await read(runs, run.id)) == RunEnd(outcome="shutdown")
