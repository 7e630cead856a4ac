"""Clients leave, and their streams' sources are closed: how long that takes."""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from socket import SHUT_RDWR, socket

from benchmarks.server import Server

POLL_SECONDS = 0.01
# A crowd's leaving keeps the server busy, and each question would take it some milliseconds.
CROWD_POLL_SECONDS = 0.25


def leave(clients: Sequence[socket], server: Server, patience: float) -> list[float]:
    """Milliseconds from each client's leaving to a source's closing, in the order of both.

    What is not closed after `patience` seconds counts as never closed: `math.inf`.
    """
    before = len(server.read().closings)
    left: list[float] = []
    for client in clients:
        left.append(time.monotonic())
        with suppress(OSError):  # the server has left before
            client.shutdown(SHUT_RDWR)  # wakes a thread that reads from it, as closing alone does not
        client.close()
    until = time.monotonic() + patience
    poll = POLL_SECONDS if len(clients) == 1 else CROWD_POLL_SECONDS
    time.sleep(poll)
    while len(closed := server.read().closings[before:]) < len(left) and time.monotonic() < until:
        time.sleep(poll)
    missing = [math.inf] * (len(left) - len(closed))
    return [*((closing - leaving) * 1e3 for leaving, closing in zip(left, closed, strict=False)), *missing]
