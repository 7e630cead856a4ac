"""HTTP/1.1 by hand: the soak's clients are many, and must be light."""

import asyncio
from typing import TypeVar

import msgspec

HOST = "127.0.0.1"
PATIENCE = 30.0

T = TypeVar("T")


def request(path: str) -> bytes:
    """A request after whose answer the server closes the connection."""
    return f"GET {path} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n".encode()


class Connection:
    """One request's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, path: str) -> "Connection":
        """Sends the request."""
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(request(path))
        return cls(reader, writer)

    async def read(self, size: int = 65_536) -> bytes:
        """What has come; nothing at the end."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read(size)

    async def read_all(self) -> bytes:
        """All that comes; what a reset connection gave until then is forgotten."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""

    def close(self) -> None:
        """Leaves; at once, whatever has come meanwhile."""
        self._writer.transport.abort()


async def get(port: int, path: str, expected: type[T]) -> T:
    """A small JSON answer."""
    connection = await Connection.open(port, path)
    try:
        _, _, body = (await connection.read_all()).partition(b"\r\n\r\n")
    finally:
        connection.close()
    return msgspec.json.decode(body, type=expected)
