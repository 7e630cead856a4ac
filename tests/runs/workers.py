"""Two workers on one Redis, in this process or as processes of their own, and runs for them."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Unpack

from jero import ServerSentEvent
from jero.channels import RedisStore
from jero.runs import RunEnd, Runs, RunStream
from jero.runs.runs import RunLimits
from tests.channels.reading import PATIENCE, Note, numbers
from tests.runs.worker import OWNER

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def two_workers(*urls: str, **limits: Unpack[RunLimits]) -> AsyncGenerator[tuple[Runs[Note], Runs[Note]], None]:
    """Opens the runs of two workers, each with a store of its own, at one address or at two."""
    options: RunLimits = {"lost_after": 15.0, "drain_timeout": 0.1, "keep": 60.0, **limits}
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(RedisStore(url, heartbeat=1)) for url in (urls[0], urls[-1])]
        first, second = [await stack.enter_async_context(Runs(store, Note, **options)) for store in stores]
        yield first, second


class Source:
    """A source that yields a note for each `allow`, up to `last` if it is set; and remembers what it did.

    `asked`: for how many it was asked. `yielded`: how many it has yielded. `closed`: set when it is closed.
    """

    def __init__(self, last: int | None = None, allowed: int = 0) -> None:
        self._last = last
        self._allowed = asyncio.Semaphore(allowed)
        self.asked = 0
        self.yielded = 0
        self.closed = asyncio.Event()

    def allow(self, count: int = 1) -> None:
        """Has the source yield more notes."""
        for _ in range(count):
            self._allowed.release()

    async def __aiter__(self) -> AsyncGenerator[Note, None]:
        try:
            while self.yielded != self._last:
                self.asked += 1
                await self._allowed.acquire()
                self.yielded += 1
                yield Note(self.yielded)
        finally:
            self.closed.set()


async def notes(count: int, seconds: float = 0.0) -> AsyncIterator[Note]:
    """Yields `count` notes, with a pause after each."""
    for number in range(1, count + 1):
        yield Note(number)
        await asyncio.sleep(seconds)


async def read(stream: RunStream[Note]) -> list[ServerSentEvent[Any]]:
    """Returns all events of a stream."""
    async with asyncio.timeout(PATIENCE):
        return [event async for event in stream]


async def until_stored(runs: Runs[Note], run_id: str, items: int) -> None:
    """Waits until a run has that number of items."""
    async with asyncio.timeout(PATIENCE):
        while (await runs.status(run_id, owner=OWNER)).items < items:
            pass


async def until(condition: Callable[[], bool]) -> None:
    """Waits until a condition is true, which something outside of this process makes true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - nobody tells it
            await asyncio.sleep(0.01)


def check(events: Sequence[ServerSentEvent[Any]], outcome: str, items: int | None = None, after: int = 0) -> int:
    """Checks that events are each item once and in order, and then the end. Returns how many items the run has."""
    *before, end = events
    count = after + len(before) if items is None else items
    assert end.event == "end"
    assert isinstance(end.data, RunEnd)
    assert end.data.outcome == outcome, end.data
    assert numbers(before) == list(range(after + 1, count + 1)), numbers(before)
    assert [event.id for event in before] == [f"0-{number}" for number in range(after + 1, count + 1)]
    assert end.id == f"0-{count + 1}"
    return count


class WorkerProcess:
    """A process that writes a run. `run_id`: the run; `items`: the number of the last item that it has made.

    `ending`: how the run ended for its source.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._changed = asyncio.Event()
        self.run_id = ""
        self.items = 0
        self.ending = ""
        self.reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, url: str, lost_after: float, keep: float) -> "WorkerProcess":
        """Starts the process, and waits until it has begun its run."""
        command = (sys.executable, "-m", "tests.runs.worker", url, str(lost_after), str(keep))
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        worker = cls(process)
        await worker.until_items(1)
        return worker

    async def until_items(self, count: int) -> None:
        """Waits until the source has made that number of items, and the run is known."""
        async with asyncio.timeout(PATIENCE):
            while not self.run_id or self.items < count:
                self._changed.clear()
                await self._changed.wait()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def wait(self) -> None:
        """Waits until the process is over."""
        async with asyncio.timeout(PATIENCE):
            await self.reading
            await self._process.wait()

    async def kill(self) -> None:
        """Kills the process, if it runs."""
        if self._process.returncode is None:
            self._process.kill()
        await self.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            name, _, value = line.decode().strip().partition(" ")
            if name == "run":
                self.run_id = value
            elif name == "item":
                self.items = int(value)
            else:
                self.ending = value
            self._changed.set()


@asynccontextmanager
async def worker_process(url: str, *, lost_after: float, keep: float = 60.0) -> AsyncGenerator[WorkerProcess, None]:
    """Runs a process that writes a run, and kills it at the end."""
    worker = await WorkerProcess.start(url, lost_after, keep)
    try:
        yield worker
    finally:
        await worker.kill()
