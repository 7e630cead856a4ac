"""A server that says exactly the bytes that a test wants said, and hears what it is asked."""

import asyncio
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
    """What a client asked: its first line, its headers and its body."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *headers = head.split(b"\r\n")
        pairs = [header.split(b": ", 1) for header in headers if header]
        self.line = first.decode()
        self.headers = httpx.Headers([(name, value) for name, value in pairs])
        self.body = body


class Peer:
    """One connection, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def request(self) -> Request:
        """What the client asks."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        request = Request(head, b"")
        length = int(request.headers.get("content-length", 0))
        return Request(head, await self._reader.readexactly(length))

    async def send(self, *pieces: bytes) -> None:
        """Sends bytes as they are."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    async def chunks(self, *pieces: bytes) -> None:
        """Sends each piece as a chunk of its own, in a write of its own."""
        await self.send(*(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece))

    async def end(self) -> None:
        """The proper end of a body of chunks."""
        await self.send(b"0\r\n\r\n")

    async def client_has_left(self) -> None:
        """Returns when the client has closed the connection."""
        async with asyncio.timeout(PATIENCE):
            while await self._reader.read(4096):
                pass

    async def close(self) -> None:
        """Closes the connection."""
        self._writer.close()
        with suppress(OSError):  # the client may have been first
            await self._writer.wait_closed()


Script = Callable[[Peer], Awaitable[None]]


class RawServer:
    """Answers the first connection by the first script, the second by the second, and each is closed then.

    `requests` are those that came. A connection more than there are scripts fails the test, as does a script.
    """

    def __init__(self, *scripts: Script) -> None:
        self._scripts = iter(scripts)
        self._faults: list[Exception] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.requests: list[Request] = []
        self.url = ""

    @property
    def last_event_ids(self) -> Sequence[str | None]:
        """The `Last-Event-ID` of each request."""
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
        if exc_type is None and self._faults:
            raise ExceptionGroup("in the server's scripts", self._faults)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(Peer(reader, writer)))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, peer: Peer) -> None:
        try:
            self.requests.append(await peer.request())
            script = next(self._scripts, None)
            assert script is not None, f"not expected: {self.requests[-1].line}"
            await script(peer)
        except Exception as error:
            self._faults.append(error)
        finally:
            await peer.close()


def events(*pieces: bytes) -> Script:
    """A complete event stream."""

    async def script(peer: Peer) -> None:
        await peer.send(EVENTS)
        await peer.chunks(*pieces)
        await peer.end()

    return script


def cut_events(*pieces: bytes) -> Script:
    """An event stream without its end."""

    async def script(peer: Peer) -> None:
        await peer.send(EVENTS)
        await peer.chunks(*pieces)

    return script


def answer(status: int, *headers: str, body: bytes = b"") -> Script:
    """A response that is whole."""
    head = "\r\n".join([f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", *headers, "", ""])

    async def script(peer: Peer) -> None:
        await peer.send((head if status != 204 else f"HTTP/1.1 {status} -\r\n\r\n").encode() + body)

    return script


async def silence(peer: Peer) -> None:
    """Not even a head: the connection is closed."""
