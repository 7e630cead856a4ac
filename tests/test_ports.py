"""Two servers of a test run never have the same port, even if different processes start them."""

import socket
from itertools import islice

import pytest

from tests import ports
from tests.ports import PROCESSES, SHARE, free_port, share


def test_a_port_in_use_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = free_port(), free_port()
    monkeypatch.setattr(ports, "_ports", iter([first, first, second]))
    with socket.create_server(("127.0.0.1", first)):
        assert free_port() == second


def test_every_port_is_returned_once_before_any_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = list[int]()
    for number in range(PROCESSES):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{number}")
        shares += islice(share(), SHARE)
    assert len(set(shares)) == len(shares) == PROCESSES * SHARE
    assert max(shares) < 32_768
