"""Items, a source that the test steers, and readers of runs."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, Self

from anyio.lowlevel import checkpoint
from msgspec import Struct

from jero import NotFound, ServerSentEvent
from jero.runs import RunEnd, Runs, RunStatus, RunStream

PATIENCE = 20.0
ANN = "ann"


class Item(Struct):
    """An item of the tests."""

    number: int
    text: str = ""


class Steered:
    """An async iterator that yields what the test sends, and notes how it ends.

    `pulled`: how often it was asked for an item. `is_closed`: it was closed after it began.
    """

    def __init__(self) -> None:
        self._next: asyncio.Queue[Any] = asyncio.Queue()
        self.pulled = 0
        self.is_closed = False

    def send(self, *items: Any) -> None:
        """Sends items. An exception is raised instead; `StopAsyncIteration` ends the source."""
        for item in items:
            self._next.put_nowait(item)

    def end(self) -> None:
        """Ends the source."""
        self.send(StopAsyncIteration())

    async def has_written(self, count: int) -> None:
        """Waits until the run has this number of items, and asks for the next."""
        await until(lambda: self.pulled == count + 1)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        self.pulled += 1
        item = await self._next.get()
        if isinstance(item, BaseException):
            raise item
        return item

    async def aclose(self) -> None:
        self.is_closed = True


class Managed:
    """A context manager around `items`. Notes with what it was left."""

    def __init__(self) -> None:
        self.items = Steered()
        self.left_with: list[BaseException | None] = []

    async def __aenter__(self) -> Steered:
        return self.items

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.left_with.append(error)


async def counting(count: int, first: int = 1) -> AsyncIterator[Item]:
    """Yields items, and pauses after each."""
    for number in range(first, first + count):
        yield Item(number)
        await checkpoint()


async def until(condition: Callable[[], bool]) -> None:
    """Lets the event loop run until the condition is true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await checkpoint()


async def eventually(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    """Waits until the condition is true, which no event reports."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)


async def is_gone(runs: Runs[Any], run_id: str) -> bool:
    """Returns whether a run of Ann's does not exist."""
    try:
        await runs.status(run_id, owner=ANN)
    except NotFound:
        return True
    return False


def register_of(runs: Runs[Any]) -> Any:
    """Returns what keeps the runs."""
    return vars(runs)["_register"]


async def until_ended(runs: Runs[Any], run_id: str, owner: str = ANN) -> RunStatus:
    """Follows a run to its end, and returns its status."""
    await read(runs, run_id, owner=owner)
    return await runs.status(run_id, owner=owner)


async def take(stream: RunStream[Any], count: int | None = None) -> list[ServerSentEvent[Any]]:
    """Returns the first events of a stream, or all."""
    received: list[ServerSentEvent[Any]] = []
    async with asyncio.timeout(PATIENCE):
        events: AsyncGenerator[ServerSentEvent[Any], None] = stream.__aiter__()
        async with aclosing(events):
            while count is None or len(received) < count:
                event = await anext(events, None)
                if event is None:
                    break
                received.append(event)
    return received


async def read(
    runs: Runs[Any], run_id: str, *, owner: str = ANN, after: str | None = None, count: int | None = None
) -> list[ServerSentEvent[Any]]:
    """Follows a run from a place on. Returns the first events, or all."""
    return await take(await runs.follow(run_id, owner=owner, after=after), count)


def numbers(events: Sequence[ServerSentEvent[Any]]) -> list[int]:
    """Returns the numbers of the items; the end has none."""
    return [event.data.number for event in events if isinstance(event.data, Item)]


def end_of(events: Sequence[ServerSentEvent[Any]]) -> RunEnd:
    """Returns the end, which is the last event and the only one of its kind."""
    ends = [event.data for event in events if event.event == "end"]
    assert len(ends) == 1
    assert isinstance(ends[0], RunEnd)
    assert events[-1].event == "end"
    return ends[0]


def check_whole(events: Sequence[ServerSentEvent[Any]], count: int) -> None:
    """Checks that a follower has received every item once, in order, with its id, and the end of a completed run."""
    assert numbers(events) == list(range(1, count + 1))
    assert [event.id for event in events] == [f"0-{number}" for number in range(1, count + 2)]
    assert end_of(events) == RunEnd(outcome="completed")
