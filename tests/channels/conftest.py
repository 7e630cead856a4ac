"""Both stores, for one suite."""

from collections.abc import AsyncGenerator, Callable, Iterator
from uuid import uuid4

import pytest

from jero.channels import MemoryStore, RedisStore, Store
from tests import programs
from tests.channels.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One that is left running."""
    programs.require(["redis-server"])
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def mortal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One that a test may kill, or stop."""
    programs.require(["redis-server"])
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def durable_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A mortal one whose acknowledgements are on the disk."""
    programs.require(["redis-server"])
    server = RedisServer(tmp_path_factory.mktemp("redis"), appendfsync="always")
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(params=["memory", "redis"])
def make_store(request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Makes a store that is not open yet. All of one test's are on the same Redis; each memory is a new one."""
    if request.param == "memory":
        return MemoryStore
    server: RedisServer = request.getfixturevalue("redis_server")
    prefix = f"{uuid4()}:"
    return lambda: RedisStore(server.url, prefix=prefix)


@pytest.fixture
async def store(make_store: Callable[[], Store]) -> AsyncGenerator[Store, None]:
    """An open one."""
    async with make_store() as store:
        yield store
