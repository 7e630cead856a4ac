"""Fixtures: the stores of runs, for one suite."""

from collections.abc import AsyncGenerator, Callable

import pytest

from jero.channels import MemoryStore, Store
from jero.runs import Runs
from tests.runs.reading import Item


@pytest.fixture(params=["memory"])
def make_store(request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Returns a function that makes a store."""
    assert request.param == "memory"
    return MemoryStore


@pytest.fixture
async def store(make_store: Callable[[], Store]) -> AsyncGenerator[Store, None]:
    """Opens a store."""
    async with make_store() as store:
        yield store


@pytest.fixture
async def runs(store: Store) -> AsyncGenerator[Runs[Item], None]:
    """Opens runs without limits of their own. At the end of the test, those that are open are ended at once."""
    async with Runs(store, Item, drain_timeout=0.01) as runs:
        yield runs
