"""The limits of runs: of their items, bytes and time, and of their number."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jero import ServiceUnavailable, StreamInterrupted, TooManyRequests, UnprocessableContent
from jero.channels import Store
from jero.runs import RunEnd, Runs
from tests.runs.reading import (
    ANN,
    Item,
    Managed,
    Steered,
    check_whole,
    counting,
    end_of,
    numbers,
    read,
    until,
    until_ended,
)

EVERY_KIND: dict[str, Callable[[int], Any]] = {
    "asynchronous": counting,
    "in a thread": lambda count: (Item(number) for number in range(1, count + 1)),
    "in memory": lambda count: [Item(number) for number in range(1, count + 1)],
}


@pytest.mark.parametrize("make", EVERY_KIND.values(), ids=EVERY_KIND)
@pytest.mark.parametrize("count", [9, 10, 11, 500])
async def test_a_run_has_max_items_at_most(store: Store, make: Callable[[int], Any], count: int) -> None:
    async with Runs(store, Item, max_items=10) as runs:
        run = await runs.start(make(count), owner=ANN)
        events = await read(runs, run.id)
        if count <= 10:
            check_whole(events, count)
            return
        assert numbers(events) == list(range(1, 11))
        assert end_of(events) == RunEnd(outcome="failed", limit="max_items")
        status = await runs.status(run.id, owner=ANN)
        assert (status.state, status.items, status.limit) == ("failed", 10, "max_items")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 400), max_size=12), max_bytes=st.integers(1, 2_000))
async def test_a_run_has_max_bytes_at_most(make_store: Callable[[], Store], sizes: list[int], max_bytes: int) -> None:
    async with make_store() as store, Runs(store, Item, max_bytes=max_bytes) as runs:
        run = await runs.start([Item(number, "a" * size) for number, size in enumerate(sizes, 1)], owner=ANN)
        events = await read(runs, run.id)
        kept = numbers(events)
        assert kept == list(range(1, len(kept) + 1))
        json = [len(b'{"number":1,"text":""}') + len(str(number)) - 1 + size for number, size in enumerate(sizes, 1)]
        assert sum(json[: len(kept)]) + 100 * len(kept) <= max_bytes
        if len(kept) == len(sizes):
            assert end_of(events) == RunEnd(outcome="completed")
        else:
            assert sum(json[: len(kept) + 1]) + 100 * (len(kept) + 1) > max_bytes
            assert end_of(events) == RunEnd(outcome="failed", limit="max_bytes")


async def test_a_run_lasts_for_max_duration_at_most(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    source = Managed()
    async with Runs(store, Item, max_duration=0.4) as runs:
        run = await runs.start(source, owner=ANN)
        source.items.send(Item(1))
        events = await read(runs, run.id)
        assert numbers(events) == [1]
        assert end_of(events) == RunEnd(outcome="failed", limit="max_duration")
    (error,) = source.left_with
    assert isinstance(error, StreamInterrupted)
    assert error.reason == "expired"
    assert [record.getMessage() for record in caplog.records if record.name == "jero.runs"] == [
        f"runs: the run {run.id} failed after 1 items: it went over max_duration"
    ]


async def test_runs_end_in_the_order_in_which_they_began(store: Store) -> None:
    async with Runs(store, Item, max_duration=0.2) as runs:
        ids: list[str] = []
        for _ in range(5):
            ids.append((await runs.start(Steered(), owner=ANN)).id)
            await asyncio.sleep(0.01)
        ends = [await runs.status(run_id, owner=ANN) for run_id in ids if await read(runs, run_id)]
        assert [status.limit for status in ends] == ["max_duration"] * 5
        assert all(
            status.ended_at is not None and 0.19 <= (status.ended_at - status.started_at).total_seconds() < 10
            for status in ends
        )


async def test_a_run_that_is_due_while_another_is_ended_is_ended_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Runs(store, Item, max_duration=0.2) as runs:
        ids = [(await runs.start(Steered(), owner=ANN)).id for _ in range(2)]
        first, second = vars(runs)["_producers"].values()
        assert first.due < second.due
        times = iter([first.due])
        monkeypatch.setattr("jero.runs.runs.monotonic", lambda: next(times, second.due))
        for run_id in ids:
            assert end_of(await read(runs, run_id)).limit == "max_duration"


async def test_a_process_has_max_runs_open(store: Store) -> None:
    async with Runs(store, Item, max_runs=3) as runs:
        sources = [Steered() for _ in range(4)]
        started = [await runs.start(source, owner=str(at), key="k") for at, source in enumerate(sources[:3])]
        with pytest.raises(ServiceUnavailable, match="Too many open runs") as refused:
            await runs.start(sources[3], owner="3", key="k")
        assert 1 <= int(refused.value.headers["Retry-After"]) <= 5
        assert sources[3].is_closed
        again = await runs.start([], owner="1", key="k")  # a run that is there needs no place
        assert again.id == started[1].id
        with pytest.raises(UnprocessableContent):
            await runs.start([], owner="1", key="k", request="another")
        sources[1].end()
        await until_ended(runs, started[1].id, owner="1")
        run = await runs.start([Item(1)], owner="3", key="k")
        check_whole(await read(runs, run.id, owner="3"), 1)
        for source in sources:
            source.end()


async def test_an_owner_has_max_runs_per_owner_open(store: Store) -> None:
    async with Runs(store, Item, max_runs_per_owner=2) as runs:
        sources = [Steered() for _ in range(3)]
        started = [await runs.start(source, owner=ANN, key=str(index)) for index, source in enumerate(sources[:2])]
        with pytest.raises(TooManyRequests, match="Too many open runs of one owner") as refused:
            await runs.start(sources[2], owner=ANN, key="2")
        assert 1 <= int(refused.value.headers["Retry-After"]) <= 5
        assert sources[2].is_closed
        again = await runs.start(Steered(), owner=ANN, key="1")  # a run that is there needs no place
        assert again.id == started[1].id
        others = await runs.start([Item(1)], owner="bob")
        check_whole(await read(runs, others.id, owner="bob"), 1)
        sources[0].end()
        await until_ended(runs, started[0].id)
        run = await runs.start([Item(1)], owner=ANN, key="2")
        assert run.is_new
        check_whole(await read(runs, run.id), 1)
        sources[1].end()


async def test_a_producer_does_not_run_ahead_of_its_log(store: Store) -> None:
    pulled = 0

    async def endless() -> AsyncGenerator[Item, None]:
        nonlocal pulled
        while True:
            pulled += 1
            yield Item(pulled)

    async with Runs(store, Item, max_items=500) as runs:
        run = await runs.start(endless(), owner=ANN)
        await until(lambda: pulled > 100)
        pulled_so_far = pulled
        assert (await runs.status(run.id, owner=ANN)).items >= pulled_so_far - 1
        assert end_of(await read(runs, run.id)).limit == "max_items"
    assert pulled == 501


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        *((name, 0) for name in ("keep", "max_items", "max_bytes", "max_duration", "max_runs", "max_runs_per_owner")),
        *(("lost_after", 0), ("drain_timeout", 0), ("keep", -1.0), ("keep", float("inf")), ("keep", float("nan"))),
        *(("max_items", 1.5), ("max_runs", "3"), ("keep", None), ("max_duration", float("inf"))),
    ],
)
async def test_a_limit_that_is_out_of_bounds_is_refused(store: Store, limit: str, value: Any) -> None:
    options: dict[str, Any] = {limit: value}
    with pytest.raises(ValueError, match=rf"Runs\({limit}=.*\): it must be"):
        Runs(store, Item, **options)


@pytest.mark.parametrize(("limit", "instead"), [("max_byte", "max_bytes"), ("ttl", "keep, max_items")])
async def test_a_limit_that_does_not_exist_is_refused(store: Store, limit: str, instead: str) -> None:
    options: dict[str, Any] = {limit: 10}
    with pytest.raises(TypeError, match=rf"Runs\({limit}=\.\.\.\): this limit does not exist\. Use {instead}"):
        Runs(store, Item, **options)
