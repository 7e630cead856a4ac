"""Fixtures: Redis servers, and both stores for one suite."""

from collections.abc import AsyncGenerator, Callable, Iterator
from uuid import uuid4

import pytest

from jero.channels import MemoryStore, RedisStore, Store
from tests.channels.redis_cluster import ClusterServers
from tests.channels.redis_server import RedisServer, running_redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Starts a server for all tests. They leave it running."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def mortal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Starts a server that the test may kill or stop."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def durable_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Starts a server that the test may kill. It acknowledges only what is on the disk."""
    with running_redis(tmp_path_factory.mktemp("redis"), appendfsync="always") as server:
        yield server


@pytest.fixture
def cluster(cluster_servers: ClusterServers) -> Iterator[ClusterServers]:
    """Returns the cluster, whose nodes the test may kill, stop and promote."""
    yield cluster_servers
    cluster_servers.restore()


@pytest.fixture(params=["memory", "redis", "cluster"])
def make_store(request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Returns a function that makes a store. Redis stores of one test share their keys; memory stores do not."""
    if request.param == "memory":
        return MemoryStore
    prefix = f"{uuid4()}:"
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return lambda: RedisStore(server.url, prefix=prefix)
    cluster: ClusterServers = request.getfixturevalue("cluster_servers")
    return lambda: RedisStore(cluster.url, cluster=True, prefix=prefix)


@pytest.fixture
async def store(make_store: Callable[[], Store]) -> AsyncGenerator[Store, None]:
    """Opens a store."""
    async with make_store() as store:
        yield store
