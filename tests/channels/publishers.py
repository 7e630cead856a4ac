"""Runs several processes that publish at the same time."""

import asyncio
import sys
from pathlib import Path

from jero.channels.log import Notifier

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
PROCESSES = 4
LANES = 10


class Publishers:
    """Four processes that publish `count` notes in all, and the results that they have printed so far.

    `replicas`: the URL is of a cluster, and this many replicas must have each note.
    `acknowledged`: the numbers of the acknowledged notes, by id. `refused`: the numbers of all other notes.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        count: int,
        *,
        history: int = 100_000,
        publish_timeout: float = 60.0,
        replicas: int | None = None,
    ) -> None:
        of_cluster = () if replicas is None else (str(replicas),)
        self._options = (str(LANES), str(history), str(publish_timeout), *of_cluster)
        self._url, self._prefix = url, prefix
        self._size = count // PROCESSES
        self._begun: set[int] = set()
        self._changed = Notifier()
        self.count = self._size * PROCESSES
        self.acknowledged: dict[str, int] = {}
        self.refused: set[int] = set()

    @property
    def settled(self) -> int:
        """Returns how many notes are acknowledged or refused."""
        return len(self.acknowledged) + len(self.refused)

    async def run(self) -> None:
        """Runs the processes to their end."""
        await asyncio.gather(*(self._run(index * self._size) for index in range(PROCESSES)))
        assert self.settled == self.count

    async def until(self, settled: int) -> None:
        """Waits until `settled` notes are settled and all processes have begun, which fails while Redis is down."""
        async with asyncio.timeout(PATIENCE):
            while self.settled < settled or len(self._begun) < PROCESSES:
                await self._changed.wait()

    def check_order(self) -> None:
        """Checks that a note has a larger id than the notes that were acknowledged before it was published."""
        ids = {number: event_id for event_id, number in self.acknowledged.items()}
        assert len(ids) == len(self.acknowledged)
        lanes: dict[int, tuple[int, int]] = {}
        for number in sorted(ids):
            milliseconds, _, counted = ids[number].partition("-")
            position = (int(milliseconds), int(counted))
            lane = number // (self._size // LANES)
            assert position > lanes.get(lane, (0, 0))
            lanes[lane] = position

    async def _run(self, first: int) -> None:
        command = ("-m", "tests.channels.publisher", self._url, self._prefix, str(self._size), str(first))
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, *self._options, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                self._begun.add(first)
                event_id, number = line.split()
                if event_id == b"-":
                    self.refused.add(int(number))
                else:
                    self.acknowledged[event_id.decode()] = int(number)
                self._changed.notify()
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
