"""Those who have received all there is, and wait for more."""

import asyncio

from jero.channels.batch import Batch
from jero.channels.ring import Ring


class Audience:
    """Gives each the same batch, at the end of the event loop's turn: all that was published in it leaves together."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._waiting: dict[int, set[asyncio.Future[Batch]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_called = False

    def wait(self, number: int) -> asyncio.Future[Batch]:
        """What comes next, for who has received all up to that number; it stops an `async for` where nothing will."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Batch] = self._loop.create_future()
        waiting = self._waiting.get(number)
        if waiting is None:
            self._waiting[number] = {waiter}
        else:
            waiting.add(waiter)
        return waiter

    def leave(self, waiter: asyncio.Future[Batch]) -> None:
        """It waits no more."""
        waiter.cancel()
        for waiting in self._waiting.values():
            waiting.discard(waiter)

    def call(self) -> None:
        """There is something new in the ring."""
        if self._waiting and not self._is_called and self._loop is not None:
            self._is_called = True
            self._loop.call_soon(self._serve)

    def hurry(self) -> None:
        """The oldest event in the ring is about to go: who waits for it gets it now."""
        if self._ring.first - 1 in self._waiting:
            self._serve()

    def tell(self, batch: Batch) -> None:
        """Gives this to all in the ring's place."""
        waiting, self._waiting = self._waiting, {}
        for group in waiting.values():
            _give(batch, group)

    def dismiss(self) -> None:
        """Nothing more will come."""
        waiting, self._waiting = self._waiting, {}
        for group in waiting.values():
            for waiter in group:
                if not waiter.done():
                    waiter.set_exception(StopAsyncIteration())

    def _serve(self) -> None:
        self._is_called = False
        for number in list(self._waiting):
            batch = self._ring.batch_after(number)
            if batch is not None:
                _give(batch, self._waiting.pop(number))


def _give(batch: Batch, waiting: set[asyncio.Future[Batch]]) -> None:
    for waiter in waiting:
        if not waiter.done():
            waiter.set_result(batch)
