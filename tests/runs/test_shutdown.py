"""A shutdown: runs have time to finish, then they are ended, and their followers are told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from jero import ServiceUnavailable, WiringError
from jero.channels import MemoryStore, Store
from jero.runs import RunEnd, Runs
from tests.runs.reading import ANN, Item, Steered, check_whole, end_of, read, register_of, until


async def test_a_run_finishes_while_the_application_shuts_down(store: Store) -> None:
    source = Steered()
    runs = Runs(store, Item, drain_timeout=60)
    await runs.__aenter__()
    run = await runs.start(source, owner=ANN)
    following = asyncio.create_task(read(runs, run.id))
    source.send(Item(1))
    await source.has_written(1)
    leaving = asyncio.create_task(runs.__aexit__(None, None, None))
    await checkpoint()
    late = Steered()
    with pytest.raises(ServiceUnavailable, match="shutting down"):
        await runs.start(late, owner=ANN)
    assert late.is_closed
    assert not leaving.done()
    source.send(Item(2))
    source.end()
    check_whole(await following, 2)
    await leaving


async def test_a_run_that_does_not_finish_is_ended_and_told(store: Store) -> None:
    source = Steered()
    async with Runs(store, Item, drain_timeout=0.02) as runs:
        run = await runs.start(source, owner=ANN)
        following = asyncio.create_task(read(runs, run.id))
        source.send(Item(1))
        await source.has_written(1)
    assert end_of(await following) == RunEnd(outcome="shutdown")
    assert source.is_closed


async def test_a_shutdown_that_is_cancelled_ends_the_runs_at_once(store: Store) -> None:
    source = Steered()
    runs = Runs(store, Item, drain_timeout=60)
    await runs.__aenter__()
    run = await runs.start(source, owner=ANN)
    following = asyncio.create_task(read(runs, run.id))
    logs = register_of(runs).kind.logs
    await until(lambda: run.id in logs and logs[run.id].counters.subscribers == 1)
    leaving = asyncio.create_task(runs.__aexit__(None, None, None))
    await checkpoint()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert end_of(await following) == RunEnd(outcome="shutdown")
    assert source.is_closed
    async with Runs(store, Item):  # the name is free
        pass


async def test_it_is_opened_again_with_its_store(make_store: Callable[[], Store]) -> None:
    store = make_store()
    runs = Runs(store, Item, drain_timeout=0.01, max_duration=0.1)
    for _ in range(2):
        async with store, runs:
            await runs.start(Steered(), owner=ANN)
    async with store, runs:
        run = await runs.start(Steered(), owner=ANN)
        assert end_of(await read(runs, run.id)) == RunEnd(outcome="failed", limit="max_duration")


async def test_a_start_that_is_under_way_is_ended_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(store, Item, drain_timeout=0.01)
    await runs.__aenter__()
    register = register_of(runs)
    begin, goes_on = register.begin, asyncio.Event()

    async def slow_begin(new: Any) -> Any:
        await goes_on.wait()
        return await begin(new)

    monkeypatch.setattr(register, "begin", slow_begin)
    source = Steered()
    starting = asyncio.create_task(runs.start(source, owner=ANN))
    await checkpoint()
    leaving = asyncio.create_task(runs.__aexit__(None, None, None))
    await asyncio.sleep(0.05)  # more than drain_timeout
    assert not leaving.done()
    goes_on.set()
    await starting
    await leaving
    assert source.is_closed


async def test_followers_end_with_the_store() -> None:
    source = Steered()
    async with MemoryStore() as store:
        runs = Runs(store, Item, drain_timeout=0.01)
        await runs.__aenter__()
        run = await runs.start(source, owner=ANN)
        following = asyncio.create_task(read(runs, run.id))
        await source.has_written(0)
    assert await following == []  # the store was closed first, against the rules
    await runs.__aexit__(None, None, None)


async def test_it_is_opened_in_an_open_store_once(store: Store) -> None:
    runs = Runs(MemoryStore(), Item)
    with pytest.raises(WiringError, match="MemoryStore is not open"):
        await runs.__aenter__()
    with pytest.raises(WiringError, match=r"Runs\('runs'\) is not open"):
        await runs.start([], owner=ANN)
    async with Runs(store, Item) as runs:
        with pytest.raises(WiringError, match="entered twice"):
            await runs.__aenter__()
        with pytest.raises(WiringError, match="has runs of this name"):
            await Runs(store, Item).__aenter__()
    async with Runs(store, Item) as again:
        run = await again.start([Item(1)], owner=ANN)
        check_whole(await read(again, run.id), 1)


@pytest.mark.parametrize("name", ["", "a" * 513, "\ud800"])
async def test_a_name_that_a_store_cannot_have_is_refused(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match=r"Runs\(name="):
        Runs(store, Item, name=name)


async def test_a_type_that_msgspec_does_not_know_is_refused(store: Store) -> None:
    with pytest.raises(TypeError):
        Runs(store, dict[str, int] | Item)
    with pytest.raises(WiringError, match=r"Runs\('runs'\)"):
        Runs(store, str | Item)
