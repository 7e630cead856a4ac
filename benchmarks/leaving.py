"""Measures how long a server takes to close a stream's source after the client has left."""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from socket import SHUT_RDWR, socket

from benchmarks.server import Server

POLL_SECONDS = 0.01
# A server whose clients all leave is busy, and each question costs it some milliseconds more.
CROWD_POLL_SECONDS = 0.25


def leave(clients: Sequence[socket], server: Server, patience: float) -> list[float]:
    """Disconnects the clients. Returns the milliseconds until a source was closed for each, in order.

    A source that is open after `patience` seconds counts as never closed: `math.inf`.
    """
    before = len(server.read().closings)
    left: list[float] = []
    for client in clients:
        left.append(time.monotonic())
        with suppress(OSError):  # the server has closed the connection before
            client.shutdown(SHUT_RDWR)  # wakes a thread that reads from it; close() alone does not
        client.close()
    until = time.monotonic() + patience
    poll = POLL_SECONDS if len(clients) == 1 else CROWD_POLL_SECONDS
    time.sleep(poll)
    while len(closed := server.read().closings[before:]) < len(left) and time.monotonic() < until:
        time.sleep(poll)
    missing = [math.inf] * (len(left) - len(closed))
    return [*((closing - leaving) * 1e3 for leaving, closing in zip(left, closed, strict=False)), *missing]
