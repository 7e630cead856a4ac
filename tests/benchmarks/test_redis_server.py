"""Tests the Redis of the benchmarks."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.redis_server import PROGRAM, RedisServer
from tests.programs import needs_program


@needs_program(PROGRAM)
def test_redis_answers_and_ends_with_its_folder_on_leaving() -> None:
    with RedisServer() as redis:
        address = urlsplit(redis.url)
        assert address.hostname
        assert address.port
        with socket.create_connection((address.hostname, address.port), 5) as connection:
            connection.sendall(b"CONFIG GET dir\r\n")
            answer = connection.recv(4096).split(b"\r\n")
        folder = Path(answer[4].decode())
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((address.hostname, address.port), 5)


def test_a_redis_that_cannot_start_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match=PROGRAM), RedisServer():
        pass
