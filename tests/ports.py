"""Ports for servers that the tests start in processes of their own."""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

# Below what systems give to outgoing connections and to who asks for any port: nobody gets one of these by chance
# between its choice and the server's start. Each of the processes that run tests side by side has a share of its own.
FIRST = 20_000
SHARE = 500
PROCESSES = 20


def share() -> Iterator[int]:
    """This process's, over and over."""
    first = FIRST + SHARE * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES)
    begin = random.randrange(SHARE)  # another run of the tests, at one time, begins elsewhere
    while True:
        for number in range(begin, begin + SHARE):
            yield first + number % SHARE


_ports = share()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that nobody else is given here before long."""
    for _ in range(SHARE):
        port = next(_ports)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError(f"all of {SHARE} ports are taken")
