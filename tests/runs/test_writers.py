"""A writer whose store is away, or for which the run has ended: it holds back, and it ends."""

import asyncio
import logging
from collections.abc import Sequence
from math import inf
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from jero import StreamInterrupted
from jero.channels import Store
from jero.channels.event import Payload
from jero.runs import Runs
from jero.runs.register import LOST, Fenced
from tests.runs.reading import ANN, Item, Managed, Steered, end_of, numbers, read, register_of, until


class Away:
    """Appends nothing to a register's store after the first items, until the store is back."""

    def __init__(self, runs: Runs[Any], monkeypatch: pytest.MonkeyPatch, after: int = 0) -> None:
        self.register = register_of(runs)
        self._append = self.register.append
        self._after = after
        self.is_back = asyncio.Event()
        self.is_waited_for = asyncio.Event()
        monkeypatch.setattr(self.register, "append", self.append)

    async def append(self, run_id: str, first: int, payloads: Sequence[Payload]) -> None:
        if first > self._after:
            self.is_waited_for.set()
            await self.is_back.wait()
        await self._append(run_id, first, payloads)


async def test_a_store_that_is_away_holds_the_producer_back(runs: Runs[Item], monkeypatch: pytest.MonkeyPatch) -> None:
    away, source = Away(runs, monkeypatch, after=2), Steered()
    run = await runs.start(source, owner=ANN)
    source.send(*(Item(number) for number in range(1, 11)))
    await away.is_waited_for.wait()
    for _ in range(20):
        await checkpoint()
    assert source.pulled == 3
    away.is_back.set()
    source.end()
    assert numbers(await read(runs, run.id)) == list(range(1, 11))


@pytest.mark.parametrize("ending", ["stopped", "failed"])
async def test_a_run_whose_store_is_away_ends(runs: Runs[Item], monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    away, source = Away(runs, monkeypatch, after=1), Managed()
    run = await runs.start(source, owner=ANN)
    source.items.send(Item(1), Item(2), Item(3))
    await away.is_waited_for.wait()
    if ending == "stopped":
        await runs.stop(run.id, owner=ANN)
    else:
        monkeypatch.setattr("jero.runs.runs.monotonic", lambda: inf)  # `max_duration` is over
        vars(runs)["_timer"].cancel()
        vars(Runs)["_end_overdue"](runs)
    events = await read(runs, run.id)
    assert numbers(events) == [1]
    assert end_of(events).outcome == ending
    (error,) = source.left_with
    assert isinstance(error, StreamInterrupted)
    assert source.items.pulled == 2


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_writer_that_is_fenced_off_ends(
    runs: Runs[Item], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, is_told: bool
) -> None:
    register = register_of(runs)
    source, end = Managed(), register.end
    run = await runs.start(source, owner=ANN)
    source.items.send(Item(1))
    await source.items.has_written(1)

    async def append(*_: object) -> None:
        raise Fenced

    async def end_once(run_id: str, _: Payload) -> None:
        ended.append(run_id)

    ended: list[str] = []
    await end(run.id, LOST)  # as another process does
    monkeypatch.setattr(register, "append", append)
    monkeypatch.setattr(register, "end", end_once)
    if is_told:
        vars(Runs)["_fence_here"](runs, run.id)  # which the register calls
    else:
        source.items.send(Item(2))
    await until(lambda: ended == [run.id])
    assert len(source.left_with) == 1
    assert end_of(events := await read(runs, run.id)).outcome == "lost"
    assert numbers(events) == [1]
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == f"runs: the run {run.id} ended as lost: its lease was over"


async def test_an_end_that_is_not_stored_in_time_is_left_to_the_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with Runs(store, Item, lost_after=0.02) as runs:
        register = register_of(runs)

        async def never(*_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(register, "end", never)
        run = await runs.start([Item(1)], owner=ANN)
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == f"runs: the end of the run {run.id} was not stored"
