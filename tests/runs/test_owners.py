"""A run is its owner's: to anybody else it does not exist, whatever they try."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jero import NotFound
from jero.runs import Runs
from tests.runs.reading import ANN, Item, Steered, check_whole, read

Operation = Callable[[Runs[Item], str, str], Awaitable[Any]]
OPERATIONS: dict[str, Operation] = {
    "follow": lambda runs, run_id, owner: runs.follow(run_id, owner=owner),
    "follow after an item": lambda runs, run_id, owner: runs.follow(run_id, owner=owner, after="0-1"),
    "follow after nonsense": lambda runs, run_id, owner: runs.follow(run_id, owner=owner, after="nonsense"),
    "stop": lambda runs, run_id, owner: runs.stop(run_id, owner=owner),
    "status": lambda runs, run_id, owner: runs.status(run_id, owner=owner),
}
STRANGERS = ["bob", "", "Ann", "ann ", " ann", "ann\0", "a" * 10_000, "\ud800"]
UNKNOWN = ["", "unknown", "A" * 22, "../runs", "*", "{a}", "a:b", "\0", "\n", "\ud800", "a" * 10_000]


async def refusal(operation: Operation, runs: Runs[Item], run_id: str, owner: str) -> object:
    """Returns everything that a client is told."""
    with pytest.raises(NotFound) as raised:
        await operation(runs, run_id, owner)
    return raised.value.problem(), raised.value.headers


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
async def test_a_run_of_another_owner_is_answered_as_one_that_does_not_exist(
    runs: Runs[Item], operation: Operation
) -> None:
    source = Steered()
    running = await runs.start(source, owner=ANN)
    source.send(Item(1))
    ended = await runs.start([Item(1)], owner=ANN)
    await read(runs, ended.id)
    answers = [await refusal(operation, runs, run.id, owner) for run in (running, ended) for owner in STRANGERS]
    answers += [await refusal(operation, runs, run_id, owner) for run_id in UNKNOWN for owner in (ANN, "bob")]
    assert answers == answers[:1] * len(answers)
    source.end()
    check_whole(await read(runs, running.id), 1)


async def test_an_owner_may_have_any_name(runs: Runs[Item]) -> None:
    started = {owner: await runs.start([Item(1)], owner=owner) for owner in STRANGERS}
    assert len({run.id for run in started.values()}) == len(STRANGERS)
    for owner, run in started.items():
        check_whole(await read(runs, run.id, owner=owner), 1)


async def test_an_id_has_128_random_bits_that_a_path_may_contain(runs: Runs[Item]) -> None:
    ids = {(await runs.start([], owner=str(number))).id for number in range(100)}
    assert len(ids) == 100
    assert {len(run_id) for run_id in ids} == {22}
    assert all(run_id.replace("-", "").replace("_", "").isalnum() for run_id in ids)
