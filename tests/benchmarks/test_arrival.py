"""Tests the time of arrival by the kernel's clock."""

import select
import socket
from collections.abc import Iterator
from time import monotonic

import pytest

from benchmarks import arrival
from benchmarks.arrival import receive, stamp

# `receive` reads two clocks one after the other, and the kernel's time is in whole nanoseconds.
CLOCKS_APART = 0.0005
LATE = 0.02


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        served, _ = listener.accept()
        with served:
            yield served, client


def test_bytes_that_are_read_late_keep_their_time_of_arrival(pair: tuple[socket.socket, socket.socket]) -> None:
    served, client = pair
    stamp([client])
    buffer = memoryview(bytearray(100))
    for sent in (b"one", b"two and more"):
        before = monotonic()
        served.sendall(sent)
        select.select([client], [], [])
        after = monotonic()
        while monotonic() < after + LATE:
            pass
        size, at = receive(client, buffer)
        assert bytes(buffer[:size]) == sent
        assert before - CLOCKS_APART <= at <= after + CLOCKS_APART


def test_receive_returns_0_at_the_end(pair: tuple[socket.socket, socket.socket]) -> None:
    served, client = pair
    stamp([client])
    served.close()
    size, _ = receive(client, memoryview(bytearray(100)))
    assert size == 0


def test_a_socket_without_stamp_raises(pair: tuple[socket.socket, socket.socket]) -> None:
    served, client = pair
    served.sendall(b"one")
    with pytest.raises(ValueError, match=r"no time of arrival: call stamp\(\) for the socket"):
        receive(client, memoryview(bytearray(100)))


def test_a_kernel_that_does_not_begin_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "PATIENCE", 0.0)
    with pytest.raises(TimeoutError, match="not begun"):
        stamp([])
