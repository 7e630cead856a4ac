"""The tests' own ports: no two servers of a run are to have one, whichever processes start them."""

import socket
from itertools import islice

import pytest

from tests import ports
from tests.ports import PROCESSES, SHARE, free_port, share


def test_a_port_that_is_taken_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = free_port(), free_port()
    monkeypatch.setattr(ports, "_ports", iter([first, first, second]))
    with socket.create_server(("127.0.0.1", first)):
        assert free_port() == second


def test_no_port_is_given_twice_before_all_were(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = list[int]()
    for number in range(PROCESSES):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{number}")
        shares += islice(share(), SHARE)
    assert len(set(shares)) == len(shares) == PROCESSES * SHARE
    assert max(shares) < 32_768
