"""Provides the sources of the streams. Each subject gives them items in the form that its framework takes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from time import monotonic
from typing import TypeVar

from benchmarks.closings import closings

T = TypeVar("T")

QUEUE_SIZE = 16
TICK_SECONDS = 0.01


async def ready(items: Iterable[T]) -> AsyncIterator[T]:
    """Yields the items without a pause."""
    for item in items:
        yield item


async def pausing(items: Iterable[T]) -> AsyncIterator[T]:
    """Yields the items. Lets the event loop run one turn after each item."""
    for item in items:
        yield item
        await asyncio.sleep(0)


async def queued(items: Iterable[T]) -> AsyncIterator[T]:
    """Yields items that another task puts into a queue of 16."""
    queue: asyncio.Queue[T | None] = asyncio.Queue(QUEUE_SIZE)
    filling = asyncio.create_task(_fill(queue, items))
    try:
        while (item := await queue.get()) is not None:
            yield item
    finally:
        filling.cancel()


async def _fill(queue: asyncio.Queue[T | None], items: Iterable[T]) -> None:
    for item in items:
        await queue.put(item)
    await queue.put(None)


async def endless(items: Iterable[T]) -> AsyncIterator[T]:
    """Yields endless items without a pause. Records its closing."""
    try:
        for item in items:
            yield item
    finally:
        closings.note()


async def idle(items: Iterable[T]) -> AsyncIterator[T]:
    """Waits without end, and yields nothing. Records its closing.

    It waits for a bare future, the lightest thing there is: the ceiling that it is compared with has no source at all.
    """
    try:
        await asyncio.get_running_loop().create_future()
        for item in items:
            yield item
    finally:
        closings.note()


async def ticking(make: Callable[[float], T], count: int) -> AsyncIterator[T]:
    """Yields an item every 10 ms, made of the time at that moment."""
    for _ in range(count):
        await asyncio.sleep(TICK_SECONDS)
        yield make(monotonic())
