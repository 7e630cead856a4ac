"""Provides a Redis for the orders, once for each module."""

from collections.abc import Iterator

import pytest

from tests.channels.redis_server import RedisServer, running_redis


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Yields a Redis."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server
