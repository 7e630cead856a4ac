"""Clients that run in processes of their own, so that they measure the server and not each other."""

import socket
from time import monotonic, sleep

from benchmarks.soak.connection import HOST, PATIENCE

SAMPLE_SECONDS = 0.02
HEALTH = b"GET /health HTTP/1.1\r\nHost: soak\r\n\r\n"
ENDLESS = b"GET /streams/endless HTTP/1.1\r\nHost: soak\r\n\r\n"


def sample_health(port: int, until: float) -> list[float]:
    """Sends `GET /health` again and again on one connection. Returns the seconds that each request took.

    It stops at the moment `until` of the monotonic clock.
    """
    times: list[float] = []
    with socket.create_connection((HOST, port), PATIENCE) as connection:
        while (asked_at := monotonic()) < until:
            connection.sendall(HEALTH)
            received = b""
            while not received.endswith(b"ok"):
                data = connection.recv(4096)
                if not data:
                    raise ConnectionError("the server closed the connection of /health")
                received += data
            times.append(monotonic() - asked_at)
            sleep(SAMPLE_SECONDS)
    return times


def drain_endlessly(port: int, until: float) -> int:
    """Reads a stream that never pauses, as fast as it arrives, until `until`. Returns the number of bytes."""
    received = 0
    buffer = bytearray(2**20)
    with socket.create_connection((HOST, port), PATIENCE) as connection:
        connection.sendall(ENDLESS)
        while monotonic() < until:
            size = connection.recv_into(buffer)
            if not size:
                raise ConnectionError("the server ended an endless stream")
            received += size
    return received
