"""The clients that come and go: each opens one stream after another."""

import asyncio
from random import SystemRandom

from benchmarks.soak.connection import Connection
from benchmarks.soak.manners import NEVER_READS, QUICK, READS_SLOWLY, Manner, UnexpectedAnswer

HASTY_CLIENTS = 12
PAUSE = 0.1

chance = SystemRandom()


class Crowd:
    """Clients that open one stream after another until `stop`.

    `streams`: the number of streams for each manner. `surprises`: faults that a client observed.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_stopped = False
        self._tasks: list[asyncio.Task[None]] = []
        self.streams: dict[Manner, int] = {}
        self.surprises: list[str] = []

    def start(self) -> None:
        """Starts all clients."""
        manners = [QUICK] * HASTY_CLIENTS + [(NEVER_READS,)] * 2 + [(READS_SLOWLY,)]
        self._tasks = [asyncio.create_task(self._visit(choice)) for choice in manners]

    async def stop(self) -> None:
        """Stops the clients. Returns when the last has left."""
        self._is_stopped = True
        await asyncio.gather(*self._tasks)

    async def _visit(self, choice: tuple[Manner, ...]) -> None:
        while not self._is_stopped:
            manner = chance.choice(choice)
            self.streams[manner] = self.streams.get(manner, 0) + 1
            connection = await Connection.open(self._port, manner.path)
            try:
                await manner.treat(connection)
            except (UnexpectedAnswer, TimeoutError, OSError) as error:
                self.surprises.append(f"{manner.path}, {manner.treat.__name__}: {error!r}")
            finally:
                connection.close()
            await asyncio.sleep(chance.uniform(0, PAUSE))
