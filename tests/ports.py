"""Chooses free ports for the servers that tests start."""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

# Systems choose the ports of outgoing connections, and free ports, from higher numbers. So no other program gets one of
# these between the choice and the server's start. Each process that runs tests in parallel has its own share.
FIRST = 20_000
SHARE = 500
PROCESSES = 20


def share() -> Iterator[int]:
    """Yields the ports of this process's share, again and again."""
    first = FIRST + SHARE * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES)
    begin = random.randrange(SHARE)  # a test run at the same time begins at another port
    while True:
        for number in range(begin, begin + SHARE):
            yield first + number % SHARE


_ports = share()


def free_port() -> int:
    """Returns a free port of 127.0.0.1. The same port is not returned again before the whole share was."""
    for _ in range(SHARE):
        port = next(_ports)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError(f"all {SHARE} ports of this process are in use")
