"""Provides framed items, and a source that publishes them: as a channel does for its subscribers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from jero.codec import DEFAULT_ENCODER
from jero.framing.framing import FramedItems, FramedSource, Framing, PublishedItems


class Numbers(FramedItems):
    """Numbers that are framed on each call of `bytes_in`."""

    def __init__(self, *numbers: int) -> None:
        super().__init__(len(numbers))
        self._numbers = numbers

    def bytes_in(self, framing: Framing) -> bytes:
        buffer = bytearray()
        for number in self._numbers:
            buffer += framing.separator if buffer else b""
            framing.encode(number, buffer, DEFAULT_ENCODER)
        return bytes(buffer)


class Publisher(FramedSource[Any], PublishedItems):
    """A source whose items are published by a call.

    `delivered`: what each call of `deliver` returned. `waiting`: set while the stream waits for the next item.
    """

    def __init__(self) -> None:
        self.deliver: Callable[[FramedItems], bool] | None = None
        self.delivered: list[bool] = []
        self.waiting = asyncio.Event()
        self._waiter: asyncio.Future[FramedItems] = asyncio.get_running_loop().create_future()

    def framed(self) -> AsyncIterator[FramedItems]:
        return self

    def __anext__(self) -> asyncio.Future[FramedItems]:
        self._waiter = asyncio.get_running_loop().create_future()
        self.waiting.set()
        return self._waiter

    async def publish(
        self, framed: FramedItems, *, before: Callable[[], object] = int, after: Callable[[], object] = int
    ) -> None:
        """Publishes in a turn of the event loop outside of all tasks, between `before` and `after`."""
        await self.waiting.wait()
        published = asyncio.get_running_loop().create_future()

        def publish() -> None:
            before()
            self.publish_now(framed)
            after()
            published.set_result(None)

        asyncio.get_running_loop().call_soon(publish)
        await published

    def end(self) -> None:
        """Ends the source."""
        self._waiter.set_exception(StopAsyncIteration())

    def publish_now(self, framed: FramedItems) -> None:
        """Publishes in the caller's own turn of the event loop."""
        is_all = self.deliver is not None and self.deliver(framed)
        self.delivered.append(is_all)
        if not is_all and not self._waiter.done():
            self.waiting.clear()
            self._waiter.set_result(framed)
