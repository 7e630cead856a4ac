"""The clients that stay: many idle streams of events, of which one after the other is replaced."""

import asyncio
import itertools
import socket
from contextlib import suppress
from time import monotonic

from benchmarks.soak.connection import HOST, get, request

BATCH = 100
TURN = 0.05


class Listener(asyncio.Protocol):
    """A client that waits; it counts what comes, and knows when the server ends the stream."""

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
            self.came.set_exception(ConnectionResetError("dropped before its first item"))

    def leave(self) -> None:
        """Closes the connection now, and not when the event loop comes to it."""
        if self._transport is not None:
            connection: socket.socket = self._transport.get_extra_info("socket")
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            self._transport.close()


class Held:
    """Holds so many streams; each that leaves is replaced, and its closing at the server measured.

    `closing_times`: seconds from each one's leaving to the end of its source's closing. `streams`: how many there
    were in all. `dropped`: those that the server ended though nobody had left.
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
        """Opens as many as are missing, some at a time; returns when each has its first item."""
        while missing := self._size - len(self._listeners):
            await asyncio.gather(*(self._open() for _ in range(min(missing, BATCH))))

    async def rotate(self, until: float) -> None:
        """One after the other leaves and is replaced, until that time."""
        while monotonic() < until:
            self._leave(next(iter(self._listeners)))
            await asyncio.gather(self._open(), asyncio.sleep(TURN))
            if len(self._left_at) >= 20:
                await self._note_closings()
        await self._note_closings()

    async def leave(self) -> None:
        """All leave at once."""
        for key in list(self._listeners):
            self._leave(key)
        await asyncio.sleep(0)

    async def closings_of_all(self) -> list[float]:
        """How long each that has left took to be closed, of those not measured before."""
        measured = len(self.closing_times)
        deadline = monotonic() + 5
        while self._left_at and monotonic() < deadline:
            await asyncio.sleep(0.1)
            await self._note_closings()
        times, self.closing_times = self.closing_times[measured:], self.closing_times[:measured]
        return times

    @property
    def unclosed(self) -> int:
        """How many have left and have not been closed, as far as is known."""
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
