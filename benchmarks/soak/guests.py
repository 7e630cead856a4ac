"""The clients of rooms: each opens one room after another, says something in it, and leaves."""

import asyncio
from itertools import count
from random import SystemRandom

from benchmarks.soak.connection import Connection, post
from benchmarks.soak.rooms import STORES

HOSTS = 100
GUESTS = 2
EVENTS = 2
MOST_SECONDS = 2.0

chance = SystemRandom()


class Guests:
    """Has `rooms` rooms come and go, as many at once as there are hosts.

    `streams`: how many streams the guests opened. `rooms`: how many rooms came and went. `surprises`: faults that a
    client observed.
    """

    def __init__(self, port: int, rooms: int) -> None:
        self._port = port
        self._rooms = rooms
        self._numbers = count()
        self.streams = 0
        self.rooms = 0
        self.surprises: list[str] = []

    async def come_and_go(self) -> None:
        """Opens all rooms. Returns when the last guest has left."""
        await asyncio.gather(*(self._host() for _ in range(HOSTS)))

    async def _host(self) -> None:
        while (number := next(self._numbers)) < self._rooms:
            path = f"/rooms/{STORES[number % len(STORES)]}/{number}-{id(self)}"
            try:
                await self._use(path)
            except (TimeoutError, OSError, ValueError) as error:
                self.surprises.append(f"{path}: {error!r}")
            self.rooms += 1

    async def _use(self, path: str) -> None:
        """Opens a room: guests come before and after the first event, and leave when they have the last one."""
        guests = [await self._come(path) for _ in range(GUESTS)]
        try:
            for number in range(EVENTS):
                await asyncio.sleep(chance.uniform(0, MOST_SECONDS / EVENTS))
                await post(self._port, path, b'{"number":%d}' % number)
            guests.append(await self._come(path))
            for guest in guests:
                received = b""
                while b'"number":%d' % (EVENTS - 1) not in received:
                    data = await guest.read()
                    if not data:
                        raise ValueError("the stream of a room ended before its last event")
                    received += data
        finally:
            for guest in guests:
                guest.close()

    async def _come(self, path: str) -> Connection:
        self.streams += 1
        return await Connection.open(self._port, path)
