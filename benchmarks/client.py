"""Clients on plain blocking sockets. They are light, so that a measure shows the server's cost and not theirs."""

import socket
from collections.abc import Generator
from contextlib import contextmanager

HOST = "127.0.0.1"
PATIENCE = 60.0
BUFFER_BYTES = 1 << 20
# Occurs once in every item, and nowhere else in an answer. No subject splits an item over two chunks of a body.
ITEM_MARK = b'"id":'


@contextmanager
def connected(port: int, *, patience: float = PATIENCE) -> Generator[socket.socket]:
    """Opens a connection whose operations raise `TimeoutError` after `patience` seconds."""
    with socket.create_connection((HOST, port), patience) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def request(path: str, *, body: bytes | None = None, close: bool = False) -> bytes:
    """Returns the bytes of a GET request, or of a POST request if there is a JSON body."""
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: {HOST}", "Accept: */*"]
    if close:
        lines.append("Connection: close")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Drain:
    """Reads a stream as fast as it arrives. `items` counts the items that have arrived."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray(BUFFER_BYTES)
        self._kept = 0
        self._head = b""
        self.items = 0

    def read(self) -> bool:
        """Waits for bytes and reads them. Returns whether more may follow."""
        buffer, kept = self._buffer, self._kept
        size = self._connection.recv_into(memoryview(buffer)[kept:])
        if not size:
            return False
        end = kept + size
        if not self._head:
            self._head = bytes(buffer[:end])
            _check_status(self._head)
        self.items += buffer.count(ITEM_MARK, 0, end)
        # The last bytes may begin a mark: they are counted with the next ones.
        self._kept = min(len(ITEM_MARK) - 1, end)
        buffer[: self._kept] = buffer[end - self._kept : end]
        return True


def drain(port: int, path: str) -> int:
    """Reads a stream to its end. Returns the number of its items."""
    with connected(port) as connection:
        connection.sendall(request(path, close=True))
        stream = Drain(connection)
        while stream.read():
            pass
        return stream.items


def drain_all(port: int, path: str, count: int) -> None:
    """Reads a stream of `count` items to its end. Raises `RuntimeError` if another number arrived."""
    received = drain(port, f"{path}?count={count}")
    if received != count:
        raise RuntimeError(f"{path} sent {received} of {count} items")


def _check_status(head: bytes) -> None:
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the server answered {head[:200]!r}, not 200")
