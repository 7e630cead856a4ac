"""Those who have received all there is, and wait for more."""

import asyncio
from typing import Protocol

from jero.channels.batch import Batch
from jero.channels.ring import Ring


class Listener(Protocol):
    """One of them."""

    def receive(self, batch: Batch) -> bool:
        """What comes next; says whether it waits on, from there."""
        ...

    def dismiss(self) -> None:
        """Nothing more will come."""
        ...


class Audience:
    """Gives each the same batch, at the end of the event loop's turn: all that was published in it leaves together."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._waiting: dict[int, dict[Listener, None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_called = False

    def listen(self, number: int, listener: Listener) -> asyncio.Future[Batch]:
        """From now on the listener, who has received all up to that number, is given what comes; until it does not
        wait on, or leaves. The future is for what it cannot take by a call.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._waiting.setdefault(number, {})[listener] = None
        return self._loop.create_future()

    def leave(self, listener: Listener) -> None:
        """It waits no more."""
        for waiting in self._waiting.values():
            waiting.pop(listener, None)

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
            self._give(batch, group)

    def dismiss(self) -> None:
        """Nothing more will come."""
        waiting, self._waiting = self._waiting, {}
        for group in waiting.values():
            for listener in group:
                listener.dismiss()

    def _serve(self) -> None:
        self._is_called = False
        for number in list(self._waiting):
            batch = self._ring.batch_after(number)
            if batch is not None:
                self._give(batch, self._waiting.pop(number))

    def _give(self, batch: Batch, waiting: dict[Listener, None]) -> None:
        for listener in [listener for listener in waiting if not listener.receive(batch)]:
            del waiting[listener]
        if batch.number is not None and waiting:
            waiting.update(self._waiting.get(batch.number, {}))
            self._waiting[batch.number] = waiting
