"""The clients that stay: many idle event streams, which are replaced one after another."""

import asyncio
import itertools
import socket
from contextlib import suppress
from time import monotonic

from benchmarks.soak.connection import HOST, get, request

BATCH = 100
TURN = 0.05


class Listener(asyncio.Protocol):
    """A client that waits. It counts the bytes that arrive, and notices if the server ends the stream."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._transport: asyncio.BaseTransport | None = None
        self.bytes = 0
        self.is_dropped = False
        self.came: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(request(self._path))

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if not self.came.done():
            self.came.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_dropped = True
        if not self.came.done():
            self.came.set_exception(ConnectionResetError("the server closed the connection before the first item"))

    def leave(self) -> None:
        """Shuts the connection down now; `close` alone waits for the event loop's next turn."""
        if self._transport is not None:
            connection: socket.socket = self._transport.get_extra_info("socket")
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            self._transport.close()


class Held:
    """Keeps `size` streams open. A stream whose client leaves is replaced, and its closing at the server is timed.

    `closing_times`: seconds from a client's leaving until its source was closed. `streams`: the number of all streams.
    `dropped`: streams that the server ended while the client stayed.
    """

    def __init__(self, port: int, size: int) -> None:
        self._port = port
        self._size = size
        self._keys = map(str, itertools.count())
        self._listeners: dict[str, Listener] = {}
        self._left_at: dict[str, float] = {}
        self.closing_times: list[float] = []
        self.streams = 0
        self.dropped = 0

    async def fill(self) -> None:
        """Opens the missing streams, `BATCH` at a time. Returns when each has its first item."""
        while missing := self._size - len(self._listeners):
            await asyncio.gather(*(self._open() for _ in range(min(missing, BATCH))))

    async def rotate(self, until: float) -> None:
        """Has one client after another leave, and replaces it, until `until`."""
        while monotonic() < until:
            self._leave(next(iter(self._listeners)))
            await asyncio.gather(self._open(), asyncio.sleep(TURN))
            if len(self._left_at) >= 20:
                await self._note_closings()
        await self._note_closings()

    async def leave(self) -> None:
        """Has all clients leave at once."""
        for key in list(self._listeners):
            self._leave(key)
        await asyncio.sleep(0)

    async def closings_of_all(self) -> list[float]:
        """Returns the seconds until closing for each client that has left and was not timed before."""
        measured = len(self.closing_times)
        deadline = monotonic() + 5
        while self._left_at and monotonic() < deadline:
            await asyncio.sleep(0.1)
            await self._note_closings()
        times, self.closing_times = self.closing_times[measured:], self.closing_times[:measured]
        return times

    @property
    def unclosed(self) -> int:
        """Returns the number of streams whose client has left, and whose closing is not reported yet."""
        return len(self._left_at)

    async def _open(self) -> None:
        key = next(self._keys)
        loop = asyncio.get_running_loop()
        _, listener = await loop.create_connection(lambda: Listener(f"/idle?key={key}"), HOST, self._port)
        self._listeners[key] = listener
        self.streams += 1
        await listener.came

    def _leave(self, key: str) -> None:
        listener = self._listeners.pop(key)
        self.dropped += listener.is_dropped
        self._left_at[key] = monotonic()
        listener.leave()

    async def _note_closings(self) -> None:
        for key, closed_at in (await get(self._port, "/closings", dict[str, float])).items():
            self.closing_times.append(closed_at - self._left_at.pop(key))
