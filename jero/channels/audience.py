"""Those who have received all there is, and wait for more."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

from jero.channels.batch import Batch
from jero.channels.ring import Ring
from jero.channels.statistics import Counters

# How long a crowd keeps the event loop before others have their turn: who answers it, a publisher among them.
TURN_SECONDS: Final = 0.0005
# The clock is read again after so many of it.
SOME: Final = 16


class Listener(Protocol):
    """One subscriber that waits. `deliver`, if set, is called with the next batch and returns whether it was sent."""

    @property
    def deliver(self) -> Callable[[Batch], bool] | None: ...

    def receive(self, batch: Batch) -> None:
        """What comes next, which it did not take."""
        ...

    def dismiss(self) -> None:
        """Nothing more will come."""
        ...


class Audience:
    """Gives all of them the same batch, at the end of the event loop's turn: what was published in it leaves together.

    A crowd is served in several turns, those first who are furthest behind. Who comes last gets what was published
    meanwhile with it.
    """

    def __init__(self, ring: Ring, counters: Counters) -> None:
        self._ring = ring
        self._counters = counters
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
        oldest = self._ring.first - 1
        while oldest in self._waiting:
            self._serve_some()

    def flush(self) -> None:
        """Who waits gets all that there is, now."""
        while self._serve_some():
            pass

    def tell(self, batch: Batch) -> None:
        """Gives this to all in the ring's place."""
        for listener in self._dissolve():
            listener.receive(batch)

    def dismiss(self) -> None:
        """Nothing more will come."""
        for listener in self._dissolve():
            listener.dismiss()

    def _dissolve(self) -> list[Listener]:
        """All who waited, and wait no more."""
        waiting, self._waiting = self._waiting, {}
        return [listener for group in waiting.values() for listener in group]

    def _serve(self) -> None:
        self._is_called = False
        until = monotonic() + TURN_SECONDS
        while self._serve_some():
            if monotonic() >= until:
                self.call()
                return

    def _serve_some(self) -> bool:
        """Gives some of those who are furthest behind what they wait for; says whether there was anything to give."""
        waiting = self._waiting
        number = min(waiting, default=self._ring.last)
        batch = self._ring.batch_after(number)
        if batch is None or batch.number is None:
            return False
        group = waiting[number]
        waiting_on = waiting.setdefault(batch.number, {})
        taken = 0
        for _ in range(min(SOME, len(group))):
            listener, _ = group.popitem()
            deliver = listener.deliver
            if deliver is not None and deliver(batch):
                waiting_on[listener] = None
                taken += batch.count
            else:
                listener.receive(batch)
        self._counters.delivered += taken  # what is received counts when it was
        if not group:
            del waiting[number]
        if not waiting_on:
            del waiting[batch.number]
        return True
