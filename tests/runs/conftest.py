"""Fixtures: the stores of runs, for one suite, and Redis servers."""

from collections.abc import AsyncGenerator

import pytest

from jero.channels import Store
from jero.runs import Runs
from tests.channels.conftest import durable_server, make_store, mortal_server, redis_server, store
from tests.runs.reading import Item

__all__ = ["durable_server", "make_store", "mortal_server", "redis_server", "store"]


@pytest.fixture
async def runs(store: Store) -> AsyncGenerator[Runs[Item], None]:
    """Opens runs without limits of their own. At the end of the test, those that are open are ended at once."""
    async with Runs(store, Item, drain_timeout=0.01) as runs:
        yield runs
