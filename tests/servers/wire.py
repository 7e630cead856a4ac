"""HTTP/1.1 on a raw socket, to see what a client library would hide."""

import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

_numbers = itertools.count()


def new_key() -> str:
    """Returns a key for a stream that no other stream has."""
    return f"stream-{next(_numbers)}"


def request(path: str, *, method: str = "GET", headers: str = "") -> bytes:
    """Returns a request without a body. `headers`: lines, each with its CRLF."""
    return f"{method} {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n".encode()


@dataclass(frozen=True)
class Head:
    """A response's status, and its headers by lower-case name."""

    status: int
    headers: dict[str, str]


class Answers:
    """Reads the responses on a connection, one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def head(self) -> Head:
        """Reads the head of the next response."""
        status, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Head(int(status.split()[1]), headers)

    def chunk(self) -> bytes | None:
        """Reads the next chunk of the body, or returns `None` at its end. Raises `EOFError` if the transfer is cut."""
        size = int(self._until(b"\r\n"), 16)
        data = self._exactly(size)
        assert self._exactly(2) == b"\r\n"
        return data if size else None

    def chunks(self) -> Iterator[bytes]:
        """Reads the remaining chunks."""
        while (chunk := self.chunk()) is not None:
            yield chunk

    def content(self, head: Head) -> bytes:
        """Reads the whole body, chunked or with a length."""
        if "content-length" in head.headers:
            return self._exactly(int(head.headers["content-length"]))
        return b"".join(self.chunks())

    def until_cut(self) -> bytes:
        """Returns the part of the body that comes before the connection ends. Fails if the body ends properly."""
        received = b""
        try:
            for chunk in self.chunks():
                received += chunk
        except (EOFError, ConnectionResetError):
            return received
        raise AssertionError(f"the body ended properly, after {received!r}")

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._receive()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._receive()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _receive(self) -> None:
        received = self._connection.recv(65_536)
        if not received:
            raise EOFError(f"the server ended the connection; not read yet: {self._buffer!r}")
        self._buffer += received


def numbers(lines: bytes) -> list[int]:
    """Returns the numbers of the ticks in whole lines of NDJSON."""
    return [msgspec.json.decode(line, type=dict[str, int])["number"] for line in lines.splitlines()]
