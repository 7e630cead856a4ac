"""FramedItems items, and where they are published."""

import asyncio
from collections.abc import AsyncIterator, Callable

from jero.codec import DEFAULT_ENCODER
from jero.framing.framing import FramedItems, FramedSource, Framing, PublishedItems


class Numbers(FramedItems):
    """Numbers, framed when they are asked for."""

    def __init__(self, *numbers: int) -> None:
        super().__init__(len(numbers))
        self._numbers = numbers

    def bytes_in(self, framing: Framing) -> bytes:
        buffer = bytearray()
        for number in self._numbers:
            buffer += framing.separator if buffer else b""
            framing.encode(number, buffer, DEFAULT_ENCODER)
        return bytes(buffer)


class Press(FramedSource, PublishedItems):
    """A source whose items are published by a call, in a turn of the event loop that is no task's.

    `taken`: what each call of `deliver` said. `awaited`: somebody waits for the next item.
    """

    def __init__(self) -> None:
        self.deliver: Callable[[FramedItems], bool] | None = None
        self.taken: list[bool] = []
        self.awaited = asyncio.Event()
        self._waiter: asyncio.Future[FramedItems] = asyncio.get_running_loop().create_future()

    def framed(self) -> AsyncIterator[FramedItems]:
        return self

    def __anext__(self) -> asyncio.Future[FramedItems]:
        self._waiter = asyncio.get_running_loop().create_future()
        self.awaited.set()
        return self._waiter

    async def publish(
        self, framed: FramedItems, *, before: Callable[[], object] = int, after: Callable[[], object] = int
    ) -> None:
        """Returns when it has been given; `before` and `after` it these are called, in the same turn."""
        await self.awaited.wait()
        given = asyncio.get_running_loop().create_future()

        def give() -> None:
            before()
            self.give(framed)
            after()
            given.set_result(None)

        asyncio.get_running_loop().call_soon(give)
        await given

    def end(self) -> None:
        """Nothing more will come."""
        self._waiter.set_exception(StopAsyncIteration())

    def give(self, framed: FramedItems) -> None:
        """The same, in the caller's own task."""
        is_all = self.deliver is not None and self.deliver(framed)
        self.taken.append(is_all)
        if not is_all and not self._waiter.done():
            self.awaited.clear()
            self._waiter.set_result(framed)
