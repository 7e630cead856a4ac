"""One subscriber on its way through a channel: the last batch that it received, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from jero.channels.batch import Batch
from jero.channels.event import Position
from jero.channels.ring import fitting
from jero.channels.store import EventLog
from jero.framing.framing import FramedItems, PublishedItems


class Receiver(PublishedItems):
    """Each item is all that waits for the subscriber. Closing it is needed, for the count of subscribers.

    A subscriber that has received every event awaits the very future that the publisher resolves with the next batch.
    If `deliver` is set, it is called with the batch instead.
    """

    __slots__ = (
        "__weakref__",
        "_after",
        "_audience",
        "_counters",
        "_is_open",
        "_log",
        "_moment",
        "_number",
        "_position",
        "_ring",
        "_waiter",
        "deliver",
    )

    def __init__(self, log: EventLog, *, after: str | None, position: Position | None, moment: float) -> None:
        self._log = log
        self._ring = log.ring
        self._audience = log.audience
        self._counters = log.counters
        self._after = after
        self._position = position
        self._moment = moment
        self._number: int | None = None
        self._waiter: asyncio.Future[Batch] | None = None
        self._is_open = True
        self.deliver: Callable[[FramedItems], bool] | None = None
        self._counters.subscribers += 1

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[Batch]:
        waiter = self._waiter
        if waiter is not None and not waiter.cancelled():  # it was awaited, so what it gave has been received
            self._received(waiter.result())
        self._waiter = None
        number = self._number
        if number is None or number < self._ring.first - 1:
            return self._find()
        batch = self._ring.batch_after(number)
        if batch is not None or self._log.is_closed:
            return self._take(batch)
        self._waiter = waiter = self._audience.listen(number, self)
        return waiter

    def receive(self, batch: Batch) -> None:
        """What the publisher has, and nobody took."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(batch)

    def dismiss(self) -> None:
        """Nothing more will come."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(StopAsyncIteration())

    async def aclose(self) -> None:
        """It receives nothing more."""
        if self._is_open:
            self._is_open = False
            self._counters.subscribers -= 1
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            return
        self._audience.leave(self)
        waiter.cancel()
        if not waiter.cancelled() and waiter.exception() is None:
            self._received(waiter.result())

    def _received(self, batch: Batch) -> None:
        self._number = batch.number
        self._position = batch.position
        if batch.is_gap:
            self._counters.gaps += 1
        else:
            self._counters.delivered += batch.count

    async def _take(self, batch: Batch | None) -> Batch:
        if batch is None:
            raise StopAsyncIteration
        self._received(batch)
        return batch

    async def _find(self) -> Batch:
        """The next batch, for a position that has no number yet, or none any more."""
        log, ring = self._log, self._ring
        position = await self._begin()
        while not log.is_closed:
            if self._after is not None:
                after, self._after = self._after, None
                return await self._take(log.gap(after, ring.floor))
            self._number = ring.number_after(position)
            if self._number is not None:
                return await anext(self)
            page = await log.read_after(position)
            if page.lost_until is not None:
                return await self._take(log.gap(log.id_of(position), page.lost_until))
            if page.events:
                return await self._take(Batch(fitting(page.events)))
            self._position = position = page.position
        raise StopAsyncIteration

    async def _begin(self) -> Position:
        log = self._log
        while not (log.is_ready or log.is_closed):
            await log.bell.wait()
        if self._position is None:  # it subscribed before that
            self._position = log.position_at(self._moment)
        return self._position
