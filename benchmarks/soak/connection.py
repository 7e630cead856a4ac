"""A minimal HTTP/1.1 client: the soak has many clients, so each must be light."""

import asyncio
from typing import TypeVar

import msgspec

HOST = "127.0.0.1"
PATIENCE = 30.0

T = TypeVar("T")


def request(path: str, body: bytes = b"") -> bytes:
    """Returns the bytes of a GET request, or of a POST of JSON. The server closes the connection after its answer."""
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


class Connection:
    """The connection of one request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, path: str, body: bytes = b"") -> "Connection":
        """Connects, and sends the request."""
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(request(path, body))
        return cls(reader, writer)

    async def read(self, size: int = 65_536) -> bytes:
        """Waits for bytes and returns them, or `b""` at the end."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read(size)

    async def read_all(self) -> bytes:
        """Returns all bytes until the end, or `b""` if the connection is reset."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""

    def close(self) -> None:
        """Disconnects at once, even if unread bytes have arrived."""
        self._writer.transport.abort()


async def get(port: int, path: str, expected: type[T]) -> T:
    """Sends a GET request. Returns its JSON answer, decoded as `expected`."""
    connection = await Connection.open(port, path)
    try:
        _, _, body = (await connection.read_all()).partition(b"\r\n\r\n")
    finally:
        connection.close()
    return msgspec.json.decode(body, type=expected)


async def post(port: int, path: str, body: bytes) -> None:
    """Sends a POST of JSON. Raises `ValueError` unless the answer is a 204."""
    connection = await Connection.open(port, path, body)
    try:
        answer = await connection.read_all()
    finally:
        connection.close()
    if not answer.startswith(b"HTTP/1.1 204"):
        raise ValueError(f"the answer to a POST is not a 204: {answer[:100]!r}")
