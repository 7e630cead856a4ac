"""Measures how soon a stream is torn down when its client leaves."""

import socket
import struct
from collections.abc import Callable
from time import monotonic

from tests.servers.running import Running
from tests.servers.wire import Answers, new_key, request

NOTICED_WITHIN = 0.1
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Leave = Callable[[socket.socket], None]


def close(connection: socket.socket) -> None:
    connection.close()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    connection.close()


def half_close(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_WR)


def nothing(answers: Answers) -> None: ...


def first_item(answers: Answers) -> None:
    answers.head()
    answers.chunk()


def time_to_teardown(
    server: Running,
    path: str,
    leave: Leave = close,
    *,
    headers: str = "",
    read: Callable[[Answers], object] = Answers.head,
) -> float:
    """Returns the seconds from the client's leaving until the source is closed.

    `read`: reads what the client receives before it leaves.
    """
    key = new_key()
    with server.connect() as connection:
        connection.sendall(request(f"{path}?key={key}", headers=headers))
        read(Answers(connection))
        server.note("opened", key)
        left_at = monotonic()
        leave(connection)
        closed = server.note("closed", key)

    assert closed.reason == "disconnected"
    return closed.at - left_at
