"""Provides a Redis for the notifications."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.channels.redis_server import RedisServer, running_redis


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Yields an empty Redis."""
    with running_redis(tmp_path) as server:
        yield server
