"""An idempotency key: the same request is one run, however often it comes."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Generator

import pytest

from jero import UnprocessableContent
from jero.channels import Store
from jero.runs import Runs
from tests.runs.reading import ANN, Item, Managed, Steered, check_whole, counting, eventually, is_gone, read

BODY = {"question": "why", "depth": 2}


opened: list[str] = []


async def unused() -> AsyncGenerator[Item, None]:
    opened.append("generator")
    yield Item(0)


def unused_in_a_thread() -> Generator[Item, None, None]:
    opened.append("thread")
    yield Item(0)


async def test_the_same_key_is_the_same_run_and_closes_the_unused_source(runs: Runs[Item]) -> None:
    first = Steered()
    run = await runs.start(first, owner=ANN, key="k", request=BODY)
    assert run.is_new
    second, third, manager = Steered(), unused_in_a_thread(), Managed()
    for source in (second, unused(), third, manager, [Item(0)]):
        again = await runs.start(source, owner=ANN, key="k", request=BODY)
        assert (again.id, again.is_new) == (run.id, False)
    assert second.is_closed
    assert second.pulled == 0
    assert inspect.getgeneratorstate(third) == inspect.GEN_CLOSED
    assert manager.items.pulled == len(manager.left_with) == 0
    first.send(Item(1))
    first.end()
    check_whole(await read(runs, run.id), 1)
    again = await runs.start(unused(), owner=ANN, key="k", request=BODY)
    assert (again.id, again.is_new) == (run.id, False)
    assert opened == []


async def test_a_key_is_its_owners(runs: Runs[Item]) -> None:
    anns = await runs.start(counting(1), owner=ANN, key="k", request=BODY)
    bobs = await runs.start(counting(2), owner="bob", key="k", request=b"another")
    assert bobs.is_new
    assert anns.id != bobs.id
    check_whole(await read(runs, anns.id), 1)
    check_whole(await read(runs, bobs.id, owner="bob"), 2)


async def test_owner_and_key_are_not_run_together(runs: Runs[Item]) -> None:
    started = [await runs.start([], owner=owner, key=key) for owner, key in [("a", "bc"), ("ab", "c"), ("abc", "d")]]
    assert all(run.is_new for run in started)


@pytest.mark.parametrize("key", [None, ""])
async def test_without_a_key_each_run_is_new(runs: Runs[Item], key: str | None) -> None:
    started = [await runs.start([], owner=ANN, key=key, request=BODY) for _ in range(3)]
    assert all(run.is_new for run in started)
    assert len({run.id for run in started}) == 3


@pytest.mark.parametrize("request_", [{"question": "who"}, b"why", None, {**BODY, "depth": 3}])
async def test_another_request_under_a_key_is_refused(runs: Runs[Item], request_: object) -> None:
    run = await runs.start([Item(1)], owner=ANN, key="k", request=BODY)
    source = Steered()
    with pytest.raises(UnprocessableContent, match="was used for another request"):
        await runs.start(source, owner=ANN, key="k", request=request_)
    assert source.is_closed
    assert source.pulled == 0
    check_whole(await read(runs, run.id), 1)


async def test_the_order_of_a_mapping_does_not_make_another_request(runs: Runs[Item]) -> None:
    run = await runs.start([Item(1)], owner=ANN, key="k", request=BODY)
    again = await runs.start([Item(1)], owner=ANN, key="k", request=dict(reversed(BODY.items())))
    assert again.id == run.id


async def test_of_requests_that_come_together_one_begins(runs: Runs[Item]) -> None:
    sources = [Steered() for _ in range(20)]
    started = await asyncio.gather(*(runs.start(source, owner=ANN, key="k", request=BODY) for source in sources))
    assert len({run.id for run in started}) == 1
    assert [run.is_new for run in started].count(True) == 1
    assert [source.is_closed for source in sources] == [not run.is_new for run in started]


async def test_a_request_that_cannot_be_hashed_closes_the_source(runs: Runs[Item]) -> None:
    source = Steered()
    with pytest.raises(TypeError):
        await runs.start(source, owner=ANN, key="k", request=object())
    assert source.is_closed


async def test_a_key_is_free_when_its_run_is_gone(store: Store) -> None:
    async with Runs(store, Item, keep=0.1) as runs:
        run = await runs.start([Item(1)], owner=ANN, key="k", request=BODY)
        await eventually(lambda: is_gone(runs, run.id))
        again = await runs.start([Item(1)], owner=ANN, key="k", request=BODY)
        assert again.is_new
        assert again.id != run.id
        await read(runs, again.id)
