"""Followers of a run: every item once, in order, and the end, wherever and however often they are cut."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jero import BadRequest, NotFound, ServerSentEvent
from jero.channels import Store
from jero.framing.framing import FramedItems
from jero.framing.json import NDJSON
from jero.framing.sse import SSE
from jero.runs import RunEnd, Runs
from tests.runs.reading import (
    ANN,
    PATIENCE,
    Item,
    Steered,
    check_whole,
    counting,
    eventually,
    is_gone,
    numbers,
    read,
    take,
)

ITEMS = 200


async def test_a_follower_gets_what_was_and_what_comes(runs: Runs[Item]) -> None:
    source = Steered()
    run = await runs.start(source, owner=ANN)
    early = asyncio.create_task(read(runs, run.id))
    source.send(Item(1), Item(2))
    assert numbers(await read(runs, run.id, count=2)) == [1, 2]
    late = asyncio.create_task(read(runs, run.id))
    source.send(Item(3))
    source.end()
    check_whole(await early, 3)
    check_whole(await late, 3)
    check_whole(await read(runs, run.id), 3)


async def test_a_run_goes_on_whoever_listens(runs: Runs[Item]) -> None:
    source = Steered()
    run = await runs.start(source, owner=ANN)
    source.send(*(Item(number) for number in range(1, 6)))
    await source.has_written(5)
    assert (await runs.status(run.id, owner=ANN)).items == 5
    source.end()
    check_whole(await read(runs, run.id), 5)


@pytest.mark.parametrize("is_live", [True, False])
async def test_a_follower_that_is_cut_anywhere_gets_every_item_once_and_the_end(
    runs: Runs[Item], *, is_live: bool
) -> None:
    run = await runs.start(counting(ITEMS), owner=ANN)
    if not is_live:
        await read(runs, run.id)

    async def follow(cut: int) -> list[ServerSentEvent[Any]]:
        before = await read(runs, run.id, count=cut)
        return before + await read(runs, run.id, after=before[-1].id if before else None)

    for events in await asyncio.gather(*(follow(cut) for cut in range(ITEMS + 1))):
        check_whole(events, ITEMS)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, 12), max_size=8),
    waves=st.lists(st.integers(1, 12), min_size=1, max_size=6),
)
async def test_a_follower_may_be_cut_as_often_as_it_likes(
    make_store: Callable[[], Store], cuts: list[int], waves: list[int]
) -> None:
    source, count = Steered(), sum(waves)
    async with make_store() as store, Runs(store, Item) as runs:
        run = await runs.start(source, owner=ANN)

        async def follow() -> list[ServerSentEvent[Any]]:
            events: list[ServerSentEvent[Any]] = []
            for cut in [*cuts, None]:
                if not events or events[-1].event != "end":
                    after = events[-1].id if events else None
                    events += await read(runs, run.id, after=after, count=cut)
            return events

        following = asyncio.create_task(follow())
        sent = 0
        for wave in waves:
            source.send(*(Item(number) for number in range(sent + 1, sent + wave + 1)))
            sent += wave
            await source.has_written(sent)
        source.end()
        check_whole(await following, count)


async def test_many_runs_go_on_at_once(store: Store) -> None:
    async with Runs(store, Item, max_runs_per_owner=100) as runs:
        started = [await runs.start(counting(20), owner=ANN) for _ in range(100)]
        for events in await asyncio.gather(*(read(runs, run.id) for run in started)):
            check_whole(events, 20)


async def test_after_the_end_nothing_follows(runs: Runs[Item]) -> None:
    run = await runs.start(counting(3), owner=ANN)
    last = (await read(runs, run.id))[-1]
    stream = await runs.follow(run.id, owner=ANN, after=last.id)
    assert stream.has_ended()
    assert await take(stream) == []
    before = await runs.follow(run.id, owner=ANN, after="0-3")
    assert not before.has_ended()
    assert [event.data for event in await take(before)] == [RunEnd(outcome="completed")]


async def test_a_client_that_has_all_items_of_an_open_run_waits_for_more(runs: Runs[Item]) -> None:
    source = Steered()
    run = await runs.start(source, owner=ANN)
    source.send(Item(1))
    await source.has_written(1)
    stream = await runs.follow(run.id, owner=ANN, after="0-1")
    assert not stream.has_ended()
    following = asyncio.create_task(take(stream))
    source.send(Item(2))
    source.end()
    assert [event.id for event in await following] == ["0-2", "0-3"]


async def test_a_stream_can_be_read_twice(runs: Runs[Item]) -> None:
    run = await runs.start(counting(3), owner=ANN)
    stream = await runs.follow(run.id, owner=ANN)
    check_whole(await take(stream), 3)
    check_whole(await take(stream), 3)


@pytest.mark.parametrize("after", ["", "0-0", None])
async def test_the_beginning_has_names(runs: Runs[Item], after: str | None) -> None:
    run = await runs.start(counting(3), owner=ANN)
    check_whole(await read(runs, run.id, after=after), 3)


@pytest.mark.parametrize(
    "after",
    [
        *("nonsense", "0", "0-", "-1", "0--1", "0-5", "0-01", "0-1 ", " 0-1", "0-1\n", "0-1.0", "1-1", "00-1"),
        *("0-\u0661", "0-" + "9" * 18, "0-" + "9" * 5_000, "0123456789abcdef-1", "1700000000000-0"),
    ],
)
async def test_an_id_that_is_not_of_the_run_is_refused(runs: Runs[Item], after: str) -> None:
    run = await runs.start(counting(3), owner=ANN)
    await read(runs, run.id)
    with pytest.raises(BadRequest, match="Last-Event-ID is not the id of an item of this run"):
        await runs.follow(run.id, owner=ANN, after=after)


async def test_an_id_of_an_item_that_is_not_there_yet_is_refused(runs: Runs[Item]) -> None:
    source = Steered()
    run = await runs.start(source, owner=ANN)
    source.send(Item(1))
    await read(runs, run.id, count=1)
    with pytest.raises(BadRequest):
        await runs.follow(run.id, owner=ANN, after="0-2")


async def test_followers_share_their_frames(runs: Runs[Item]) -> None:
    source = Steered()
    run = await runs.start(source, owner=ANN)

    async def batches() -> list[FramedItems]:
        stream = await runs.follow(run.id, owner=ANN)
        async with asyncio.timeout(PATIENCE), aclosing(stream.framed()) as framed:
            return [batch async for batch in framed]

    followers = [asyncio.create_task(batches()) for _ in range(3)]
    for number in range(1, 4):
        source.send(Item(number))
        await source.has_written(number)
    source.end()
    first, *others = [await follower for follower in followers]
    for framing in (SSE, NDJSON):
        frames = [batch.bytes_in(framing) for batch in first]
        for other in others:
            assert all(a.bytes_in(framing) is b for a, b in zip(other, frames, strict=True))


async def test_a_run_is_gone_when_it_was_kept_for_its_time(store: Store) -> None:
    async with Runs(store, Item, keep=0.1) as runs:
        source = Steered()
        run = await runs.start(source, owner=ANN)
        stream = await runs.follow(run.id, owner=ANN)
        source.send(Item(1))
        source.end()
        check_whole(await take(stream), 1)
        await eventually(lambda: is_gone(runs, run.id))
        with pytest.raises(NotFound):
            await runs.follow(run.id, owner=ANN)
