"""A server that sends exactly the bytes of a test, and records the requests."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import httpx

PATIENCE = 10.0
OK = b"HTTP/1.1 200 OK\r\n"
EVENTS = OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LINES = OK + b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"


class Request:
    """A request: the first line, the headers and the body."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *headers = head.split(b"\r\n")
        pairs = [header.split(b": ", 1) for header in headers if header]
        self.line = first.decode()
        self.headers = httpx.Headers([(name, value) for name, value in pairs])
        self.body = body


class Peer:
    """One connection, on the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def request(self) -> Request:
        """Reads the client's request."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        request = Request(head, b"")
        length = int(request.headers.get("content-length", 0))
        return Request(head, await self._reader.readexactly(length))

    async def send(self, *pieces: bytes) -> None:
        """Sends bytes without framing."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    async def chunks(self, *pieces: bytes) -> None:
        """Sends each piece as one chunk of HTTP, in one write."""
        await self.send(*(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece))

    async def end(self) -> None:
        """Sends the end of a chunked body."""
        await self.send(b"0\r\n\r\n")

    async def client_has_left(self) -> None:
        """Waits until the client has closed the connection."""
        async with asyncio.timeout(PATIENCE):
            while await self._reader.read(4096):
                pass

    def reset(self) -> None:
        """Resets the connection."""
        connection: socket.socket = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        """Closes the connection."""
        self._writer.close()
        with suppress(OSError):  # the client may have closed it first
            await self._writer.wait_closed()


Script = Callable[[Peer], Awaitable[None]]


class RawServer:
    """Answers the first connection with the first script, the second with the second, and closes each afterwards.

    `requests` are the requests received. An exception in a script fails the test, and so does a connection without a
    script.
    """

    def __init__(self, *scripts: Script) -> None:
        self._scripts = iter(scripts)
        self._errors: list[Exception] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.requests: list[Request] = []
        self.url = ""

    @property
    def last_event_ids(self) -> Sequence[str | None]:
        """Returns the `Last-Event-ID` of each request."""
        return [request.headers.get("last-event-id") for request in self.requests]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        if self._connections:
            await asyncio.wait(self._connections, timeout=PATIENCE)
        if exc_type is None and self._errors:
            raise ExceptionGroup("The server's scripts failed.", self._errors)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(Peer(reader, writer)))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, peer: Peer) -> None:
        try:
            self.requests.append(await peer.request())
            script = next(self._scripts, None)
            assert script is not None, f"no script for this request: {self.requests[-1].line}"
            await script(peer)
        except Exception as error:
            self._errors.append(error)
        finally:
            await peer.close()


def events(*pieces: bytes) -> Script:
    """Returns a script that sends a complete event stream."""

    async def script(peer: Peer) -> None:
        await peer.send(EVENTS)
        await peer.chunks(*pieces)
        await peer.end()

    return script


def cut_events(*pieces: bytes) -> Script:
    """Returns a script that cuts an event stream before its end."""

    async def script(peer: Peer) -> None:
        await peer.send(EVENTS)
        await peer.chunks(*pieces)

    return script


def answer(status: int, *headers: str, body: bytes = b"") -> Script:
    """Returns a script that sends a complete response."""
    head = "\r\n".join([f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", *headers, "", ""])

    async def script(peer: Peer) -> None:
        await peer.send((head if status != 204 else f"HTTP/1.1 {status} -\r\n\r\n").encode() + body)

    return script


async def silence(peer: Peer) -> None:
    """Closes the connection without an answer."""
