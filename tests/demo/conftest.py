"""Provides a Redis for the notifications."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import programs
from tests.channels.redis_server import RedisServer


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Yields an empty Redis."""
    programs.require(["redis-server"])
    server = RedisServer(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.kill()
