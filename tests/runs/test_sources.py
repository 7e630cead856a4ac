"""The source of a run is any that a stream takes. What fails in it fails the run, is logged once, and stays inside."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from jero import Conflict, HTTPError, Problem, ServerSentEvent, StreamOutcome
from jero.channels import Channel, MemoryStore, Store, Subscription
from jero.errors import InternalServerError
from jero.runs import RunEnd, Runs
from tests.runs.reading import ANN, Item, Steered, check_whole, counting, end_of, numbers, read, until, until_ended

INTERNAL = InternalServerError().problem()


class Broken(Exception):
    """Is raised by a source of the tests."""


class Iterating:
    """An async iterable that is not a generator."""

    def __aiter__(self) -> AsyncIterator[Item]:
        return counting(3)


@asynccontextmanager
async def managed() -> AsyncGenerator[AsyncIterable[Item], None]:
    yield counting(3)


async def lifecycle() -> AsyncGenerator[AsyncIterable[Item], StreamOutcome]:
    yield counting(3)


async def hasty() -> AsyncIterator[Item]:
    for number in range(1, 4):
        yield Item(number)


def threaded() -> Iterator[Item]:
    for number in range(1, 4):
        yield Item(number)


SOURCES: dict[str, Callable[[], Any]] = {
    "an async generator": lambda: counting(3),
    "one that never pauses": hasty,
    "an async iterable": Iterating,
    "a list": lambda: [Item(1), Item(2), Item(3)],
    "a tuple": lambda: (Item(1), Item(2), Item(3)),
    "a generator": threaded,
    "an iterator": lambda: iter([Item(1), Item(2), Item(3)]),
    "a context manager": managed,
    "a lifecycle": lifecycle,
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
async def test_a_source_may_be_of_any_kind(runs: Runs[Item], make: Callable[[], Any]) -> None:
    run = await runs.start(make(), owner=ANN)
    check_whole(await read(runs, run.id), 3)


@pytest.mark.parametrize("source", ["text", b"bytes", {"a": 1}, 7, None])
async def test_what_is_not_a_source_is_refused(runs: Runs[Item], source: Any) -> None:
    with pytest.raises(TypeError, match=r"Runs\.start\(source\) takes an iterable of items"):
        await runs.start(source, owner=ANN)


@pytest.mark.parametrize("is_managed", [True, False])
async def test_a_subscription_may_be_a_source(runs: Runs[Item], *, is_managed: bool) -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "items", Item)
        subscription = channel.subscribe()

        @asynccontextmanager
        async def manager() -> AsyncGenerator[Subscription[Item], None]:
            yield subscription

        run = await runs.start(manager() if is_managed else subscription, owner=ANN)
        await until(lambda: channel.statistics().subscribers == 1)
        await channel.publish(Item(1), event="made")
        await channel.publish(Item(2))
        assert numbers(await read(runs, run.id, count=2)) == [1, 2]
        assert [event.event for event in await read(runs, run.id, count=2)] == ["made", None]
    check_whole(await read(runs, run.id), 2)  # the store has closed its channels
    await until(lambda: channel.statistics().subscribers == 0)


async def test_no_items_are_a_run_too(runs: Runs[Item]) -> None:
    run = await runs.start([], owner=ANN)
    check_whole(await read(runs, run.id), 0)


async def test_a_synchronous_source_runs_in_a_thread(runs: Runs[Item]) -> None:
    threads: list[int] = []
    go = threading.Event()

    def source() -> Iterator[Item]:
        threads.append(threading.get_ident())
        yield Item(1)
        go.wait()
        yield Item(2)

    run = await runs.start(source(), owner=ANN)
    assert numbers(await read(runs, run.id, count=1)) == [1]  # while the thread blocks
    go.set()
    check_whole(await read(runs, run.id), 2)
    assert threads != [threading.get_ident()]


async def test_a_source_that_never_pauses_leaves_others_their_turns(runs: Runs[Item]) -> None:
    source = (Item(number) for number in range(1, 501))

    async def items() -> AsyncIterator[Item]:
        for item in source:
            yield item

    run = await runs.start(items(), owner=ANN)
    following = asyncio.create_task(read(runs, run.id))
    turns = 0
    while not following.done():
        await checkpoint()
        turns += 1
    check_whole(await following, 500)
    assert turns > 5


async def test_an_item_is_written_as_it_was_when_it_was_yielded(runs: Runs[Item]) -> None:
    async def source() -> AsyncIterator[Item]:
        item = Item(0)
        for number in range(1, 4):
            item.number = number
            yield item

    def in_a_thread() -> Iterator[Item]:
        item = Item(0)
        for number in range(1, 4):
            item.number = number
            yield item

    for make in (source, in_a_thread):
        run = await runs.start(make(), owner=ANN)
        check_whole(await read(runs, run.id), 3)


async def test_a_source_has_the_context_of_its_start(runs: Runs[Item]) -> None:
    number: ContextVar[int] = ContextVar("number")

    async def source() -> AsyncIterator[Item]:
        yield Item(number.get())

    number.set(1)
    run = await runs.start(source(), owner=ANN)
    number.set(2)
    check_whole(await read(runs, run.id), 1)


async def test_an_item_may_be_an_event_with_a_type(runs: Runs[Item]) -> None:
    events: list[Item | ServerSentEvent[Item]] = [
        ServerSentEvent(data=Item(1), event="made", id="7", retry=1),
        ServerSentEvent(comment="nothing"),
        Item(2),
    ]
    run = await runs.start(events, owner=ANN)
    received = await read(runs, run.id)
    check_whole(received, 2)
    assert [event.event for event in received] == ["made", None, "end"]


@pytest.mark.parametrize(
    "item",
    [
        ServerSentEvent(data=Item(2), event="end"),
        ServerSentEvent(data=Item(2), event="gap"),
        b"bytes",
        object(),
    ],
)
@pytest.mark.parametrize("is_threaded", [True, False])
async def test_what_cannot_be_an_item_fails_the_run(
    runs: Runs[Any], caplog: pytest.LogCaptureFixture, item: Any, *, is_threaded: bool
) -> None:
    run = await runs.start(iter([Item(1), item]) if is_threaded else [Item(1), item], owner=ANN)
    events = await read(runs, run.id)
    assert numbers(events) == [1]
    assert end_of(events) == RunEnd(outcome="failed", problem=INTERNAL)
    assert len(logged(caplog)) == 1


# A source that fails


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


async def failing(error: BaseException) -> AsyncIterator[Item]:
    yield Item(1)
    await checkpoint()
    raise error


def failing_in_a_thread(error: BaseException) -> Iterator[Item]:
    yield Item(1)
    raise error


@asynccontextmanager
async def failing_on_entry(error: BaseException | None) -> AsyncGenerator[AsyncIterable[Item], None]:
    await checkpoint()
    if error is not None:
        raise error
    yield counting(1)


@asynccontextmanager
async def failing_on_exit(error: BaseException) -> AsyncGenerator[AsyncIterable[Item], None]:
    yield counting(1)
    await checkpoint()
    raise error


async def failing_lifecycle(error: BaseException) -> AsyncGenerator[AsyncIterable[Item], StreamOutcome]:
    yield counting(1)
    await checkpoint()
    raise error


FAILING: dict[str, tuple[Callable[[BaseException], Any], int]] = {
    "while it yields": (failing, 1),
    "in a thread": (failing_in_a_thread, 1),
    "on entry": (failing_on_entry, 0),
    "on exit": (failing_on_exit, 1),
    "after the yield of a lifecycle": (failing_lifecycle, 1),
}


class OutOfStock(HTTPError, type="out-of-stock", title="Out of stock", status=409):
    """An error of the application."""


ERRORS: list[tuple[BaseException, Problem]] = [
    (Broken("the password is secret"), INTERNAL),
    (OutOfStock("3 left"), OutOfStock("3 left").problem()),
    (ExceptionGroup("", [Conflict("twice")]), Conflict("twice").problem()),
    (ExceptionGroup("", [Broken("secret"), Conflict("twice")]), INTERNAL),
    (asyncio.CancelledError(), INTERNAL),
    (TimeoutError(), INTERNAL),
]


@pytest.mark.parametrize(("make", "items"), FAILING.values(), ids=FAILING)
@pytest.mark.parametrize(("error", "problem"), ERRORS, ids=lambda value: type(value).__name__)
async def test_what_a_source_raises_fails_the_run(
    runs: Runs[Item],
    caplog: pytest.LogCaptureFixture,
    make: Callable[[BaseException], Any],
    items: int,
    error: BaseException,
    problem: Problem,
) -> None:
    run = await runs.start(make(error), owner=ANN)
    events = await read(runs, run.id)
    assert numbers(events) == list(range(1, items + 1))
    assert end_of(events) == RunEnd(outcome="failed", problem=problem)
    status = await runs.status(run.id, owner=ANN)
    assert (status.state, status.items, status.problem) == ("failed", items, problem)
    (record,) = logged(caplog)
    assert record.name == "jero.runs"
    assert record.getMessage().startswith(f"runs: the run {run.id} failed after {items} items")
    assert (record.exc_info is None) == (problem != INTERNAL)


async def test_a_context_manager_is_left_with_what_its_source_raised(runs: Runs[Item]) -> None:
    left_with: list[BaseException] = []
    error = Broken("rolled back")

    @asynccontextmanager
    async def transaction() -> AsyncGenerator[AsyncIterable[Item], None]:
        try:
            yield failing(error)
        except Broken as raised:
            left_with.append(raised)
            raise

    run = await runs.start(transaction(), owner=ANN)
    assert (await until_ended(runs, run.id)).state == "failed"
    assert left_with == [error]


async def test_a_lifecycle_gets_the_outcome(runs: Runs[Item]) -> None:
    outcomes: list[StreamOutcome] = []
    error = Broken("told")

    async def source(items: AsyncIterable[Item]) -> AsyncGenerator[AsyncIterable[Item], StreamOutcome]:
        outcomes.append((yield items))

    for items in (counting(3), failing(error)):
        run = await runs.start(source(items), owner=ANN)
        await read(runs, run.id)
    assert [(outcome.reason, outcome.items, outcome.error) for outcome in outcomes] == [
        ("completed", 3, None),
        ("failed", 1, error),
    ]
    assert {outcome.endpoint for outcome in outcomes} == {"runs"}


async def test_runs_do_not_disturb_each_other(runs: Runs[Item], caplog: pytest.LogCaptureFixture) -> None:
    whole = await runs.start(counting(50), owner=ANN)
    broken = await runs.start(failing(Broken()), owner=ANN)
    stopped = await runs.start(Steered(), owner=ANN)
    await runs.stop(stopped.id, owner=ANN)
    check_whole(await read(runs, whole.id), 50)
    assert end_of(await read(runs, broken.id)).outcome == "failed"
    assert end_of(await read(runs, stopped.id)).outcome == "stopped"
    assert len(logged(caplog)) == 1


async def test_several_runs_of_one_store_do_not_meet(store: Store) -> None:
    async with Runs(store, Item) as first, Runs(store, str, name="second") as second:
        run = await first.start([Item(1)], owner=ANN, key="k")
        other = await second.start(["a"], owner=ANN, key="k")
        assert other.is_new
        check_whole(await read(first, run.id), 1)
        assert [event.data for event in await read(second, other.id)][:1] == ["a"]
        with pytest.raises(HTTPError, match="does not exist"):
            await second.status(run.id, owner=ANN)
