"""When the time of runs is over, nothing of them is left. Before that, they take what they keep."""

import asyncio
import gc
import logging
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from jero.channels import MemoryStore, lingering
from jero.runs import Runs, memory
from tests.garbage import garbage
from tests.runs.reading import ANN, Item, Steered, counting, is_gone, read, register_of, until, until_ended

KEEP = 100.0


class Clock:
    """The time for runs in memory, which the test moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        for module in (lingering, memory):
            monkeypatch.setattr(module, "monotonic", lambda: self.now)

    def pass_by(self, store: MemoryStore, seconds: float) -> None:
        self.now += seconds
        store.lingering.sweep()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def use(runs: Runs[Item], count: int) -> None:
    """Starts runs that end in every way, each followed by some."""
    for number in range(count):
        sources: list[Any] = [counting(20), [Item(1)], iter([Item(1)]), Steered()]
        started = [await runs.start(source, owner=str(number), key=str(at)) for at, source in enumerate(sources)]
        following = [asyncio.create_task(read(runs, run.id, owner=str(number))) for run in started for _ in range(2)]
        await runs.stop(started[-1].id, owner=str(number))
        await asyncio.gather(*following)


async def test_after_their_time_nothing_of_runs_is_left(clock: Clock) -> None:
    async with MemoryStore() as store, Runs(store, Item, keep=KEEP) as runs:
        tasks = asyncio.all_tasks()
        await use(runs, 20)
        register = register_of(runs)
        state: list[dict[Any, Any]] = [vars(register)[name] for name in ("_logs", "_keys", "_open")]
        clock.pass_by(store, KEEP - 1)
        assert [len(kept) for kept in state] == [80, 80, 0]
        clock.pass_by(store, 1)
        assert [len(kept) for kept in state] == [0, 0, 0]
        assert len(register.kind.logs) == len(store.lingering) == 0
        assert asyncio.all_tasks() == tasks


async def test_a_follower_that_is_slow_keeps_a_run_alone(clock: Clock) -> None:
    async with MemoryStore() as store, Runs(store, Item, keep=KEEP) as runs:
        run = await runs.start(counting(3), owner=ANN)
        stream = await runs.follow(run.id, owner=ANN)
        events = stream.__aiter__()
        first = await anext(events)
        await read(runs, run.id)
        clock.pass_by(store, KEEP)
        assert await is_gone(runs, run.id)
        rest = [event async for event in events]
        assert [event.id for event in [first, *rest]] == ["0-1", "0-2", "0-3", "0-4"]
        clock.pass_by(store, 0)
        assert not register_of(runs).kind.logs
        assert [event.id for event in [item async for item in stream]] == ["0-1", "0-2", "0-3", "0-4"]
        clock.pass_by(store, 1)
        assert not register_of(runs).kind.logs


async def test_a_run_is_over_though_nothing_was_swept(clock: Clock) -> None:
    async with MemoryStore() as store, Runs(store, Item, keep=KEEP) as runs:
        run = await runs.start([Item(1)], owner=ANN, key="k")
        await read(runs, run.id)
        clock.now += KEEP
        assert await is_gone(runs, run.id)
        again = await runs.start([Item(1)], owner=ANN, key="k")
        assert again.is_new
        await read(runs, again.id)
        clock.pass_by(store, 0)
        assert (await runs.start([], owner=ANN, key="k")).id == again.id


async def test_runs_may_be_closed_long_before_their_store(clock: Clock) -> None:
    async with MemoryStore() as store:
        async with Runs(store, Item, keep=KEEP) as runs:
            await use(runs, 3)
        clock.pass_by(store, KEEP)
        assert len(store.lingering) == 0


async def test_a_run_that_is_open_takes_a_task_and_a_timer_for_all() -> None:
    async with MemoryStore() as store, Runs(store, Item, drain_timeout=0.01, max_runs_per_owner=200) as runs:
        before = len(asyncio.all_tasks())
        sources = [Steered() for _ in range(100)]
        started = [await runs.start(source, owner=ANN) for source in sources]
        await until(lambda: all(source.pulled == 1 for source in sources))
        assert len(asyncio.all_tasks()) == before + 100
        timers = vars(asyncio.get_running_loop())["_scheduled"]
        assert len([timer for timer in timers if not timer.cancelled()]) <= 2
        for source in sources:
            source.end()
        assert {(await until_ended(runs, run.id)).state for run in started} == {"completed"}
        await until(lambda: len(asyncio.all_tasks()) == before)


async def test_memory_follows_what_is_kept(clock: Clock) -> None:
    async with MemoryStore() as store, Runs(store, Item, keep=KEEP) as runs:

        async def cycle() -> int:
            await use(runs, 3)
            clock.pass_by(store, KEEP)
            assert not register_of(runs).kind.logs
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            sizes = [await cycle() for _ in range(3)]
        finally:
            tracemalloc.stop()
        assert sizes[-1] - sizes[1] < 10_000


class Failing:
    """A source that fails in every step."""

    async def __aenter__(self) -> AsyncIterator[Item]:
        return self._items()

    async def __aexit__(self, *_: object) -> None:
        raise ValueError("on exit")

    async def _items(self) -> AsyncIterator[Item]:
        yield Item(1)
        raise ValueError("in the items")


SOURCES: dict[str, Callable[[], Any]] = {
    "completed": lambda: [Item(1)],
    "in a thread": lambda: iter([Item(1)]),
    "failed": Failing,
    "stopped": Steered,
    "refused": Steered,
}


@pytest.mark.parametrize("kind", SOURCES)
async def test_a_run_leaves_nothing_to_the_garbage_collector(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("jero.runs"), "disabled", True)  # a report of the test keeps what is logged
    async with MemoryStore() as store, Runs(store, Item, keep=60, max_runs_per_owner=1) as runs:

        async def once() -> None:
            run = await runs.start(SOURCES[kind](), owner=ANN)
            if kind == "stopped":
                await runs.stop(run.id, owner=ANN)
            if kind == "refused":
                with pytest.raises(Exception, match="Too many"):
                    await runs.start(Steered(), owner=ANN)
                await runs.stop(run.id, owner=ANN)
            await read(runs, run.id)
            await until(lambda: len(asyncio.all_tasks()) == 1)

        assert await garbage(once) == 0
