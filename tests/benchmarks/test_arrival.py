"""When something arrived, by the kernel's clock."""

import select
import socket
from collections.abc import Iterator
from time import monotonic

import pytest

from benchmarks import arrival
from benchmarks.arrival import receive, stamp

# The kernel's clock is read beside another one, and is told in whole nanoseconds.
CLOCKS_APART = 0.0005
LATE = 0.02


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        served, _ = listener.accept()
        with served:
            yield served, client


def test_what_is_read_late_has_arrived_early(pair: tuple[socket.socket, socket.socket]) -> None:
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


def test_an_end_is_told(pair: tuple[socket.socket, socket.socket]) -> None:
    served, client = pair
    stamp([client])
    served.close()
    size, _ = receive(client, memoryview(bytearray(100)))
    assert size == 0


def test_what_nobody_asked_to_stamp_is_named(pair: tuple[socket.socket, socket.socket]) -> None:
    served, client = pair
    served.sendall(b"one")
    with pytest.raises(ValueError, match=r"does not say when .* stamp\(\) the socket"):
        receive(client, memoryview(bytearray(100)))


def test_a_kernel_that_does_not_begin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "PATIENCE", 0.0)
    with pytest.raises(TimeoutError, match="not begun"):
        stamp([])
