"""Reads from a socket, with the time at which the kernel received the bytes, however late they are read.

A client that reads hundreds of sockets on the server's cores delays the server. By its own clock it would count that
delay as the server's.
"""

import socket
import struct
import time
from collections.abc import Iterable
from typing import Final

# An option of Linux that `socket` does not name: the time of arrival comes with the bytes, as a `struct timespec`.
SO_TIMESTAMPNS: Final = 35
TIMESPEC: Final = struct.Struct("@qq")
ANCILLARY_BYTES: Final = socket.CMSG_SPACE(TIMESPEC.size)
# Seconds that the kernel may take to begin. It usually takes some milliseconds.
PATIENCE: Final = 5.0
POLL_SECONDS: Final = 0.001


def stamp(clients: Iterable[socket.socket]) -> None:
    """Has the kernel record the time of arrival for these sockets, and waits until it does.

    The kernel begins a moment after the first socket asks for times; earlier bytes do not get a time. Raises
    `TimeoutError` if the kernel does not begin within `PATIENCE` seconds.
    """
    for client in clients:
        _ask_for_stamps(client)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as probe:
        served, _ = listener.accept()
        with served:
            _ask_for_stamps(probe)
            _wait_for_stamps(served, probe)


def receive(client: socket.socket, buffer: memoryview) -> tuple[int, float]:
    """Reads into `buffer`. Returns the number of bytes, 0 at their end, and when the last arrived (`time.monotonic`).

    Raises `ValueError` if `stamp` was not called for the socket.
    """
    size, ancillary, _, _ = client.recvmsg_into([buffer], ANCILLARY_BYTES)
    if not size:
        return 0, time.monotonic()
    if not ancillary:
        raise ValueError("the bytes have no time of arrival: call stamp() for the socket before they are sent")
    [(_, _, timespec)] = ancillary
    seconds, nanoseconds = TIMESPEC.unpack(timespec)
    return size, seconds + nanoseconds / 1e9 - (time.time() - time.monotonic())


def _ask_for_stamps(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def _wait_for_stamps(served: socket.socket, probe: socket.socket) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        served.sendall(b"?")
        _, ancillary, _, _ = probe.recvmsg(1, ANCILLARY_BYTES)
        if ancillary:
            return
        time.sleep(POLL_SECONDS)  # a thread of the kernel does it, which may need this core
    raise TimeoutError(f"the kernel has not begun to record times of arrival after {PATIENCE:g} s")
