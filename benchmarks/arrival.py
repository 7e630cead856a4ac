"""When bytes arrived at a socket: by the kernel's clock, however late they are read.

Who reads hundreds of sockets on the cores that serve them delays what is still to come, and would count its own delay.
"""

import socket
import struct
import time
from collections.abc import Iterable
from typing import Final

# Linux's, of which `socket` has no name: the time of arrival comes beside the bytes, as a `struct timespec`.
SO_TIMESTAMPNS: Final = 35
TIMESPEC: Final = struct.Struct("@qq")
ANCILLARY_BYTES: Final = socket.CMSG_SPACE(TIMESPEC.size)


# How long the kernel may take to begin, in seconds: some milliseconds, as a rule.
PATIENCE: Final = 5.0


def stamp(clients: Iterable[socket.socket]) -> None:
    """From now on `receive` knows when something arrived at them.

    The kernel begins a moment after the first socket asked for it, and what comes before has no time; so this returns
    when it has begun, and raises `TimeoutError` where it does not.
    """
    for client in clients:
        _ask_for_stamps(client)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as probe:
        served, _ = listener.accept()
        with served:
            _ask_for_stamps(probe)
            _wait_for_stamps(served, probe)


def receive(client: socket.socket, buffer: memoryview) -> tuple[int, float]:
    """How many bytes there are, 0 at their end, and the reading of `time.monotonic` when the last of them arrived.

    Raises `ValueError` for a socket that nobody gave to `stamp`.
    """
    size, ancillary, _, _ = client.recvmsg_into([buffer], ANCILLARY_BYTES)
    if not size:
        return 0, time.monotonic()
    if not ancillary:
        raise ValueError("the kernel does not say when these bytes arrived: stamp() the socket before they are sent")
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
    raise TimeoutError(f"the kernel has not begun to say when bytes arrive after {PATIENCE:g} s")
