"""One subscriber's way through a channel: from where it subscribes, by batches, to the end."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from time import monotonic
from typing import Any, Generic, Self, TypeVar

from msgspec.json import Decoder

from jero.channels.event import GAP, Event, Offset
from jero.channels.kind import Kind
from jero.channels.log import EventLog
from jero.channels.ring import NOT_BUSY, Batch, fill_batch
from jero.channels.stream import NOTHING
from jero.codec import from_text
from jero.framing.event import ServerSentEvent
from jero.framing.framing import FramedItems, FramedSource, PublishedItems

# Theory of operation
# -------------------
#
# A subscriber is a place in the channel: the offset of the last event that it received. Once the ring has that event,
# the subscriber also knows its sequence number. It has no queue. `__anext__` compares the number with the ring:
#
# - The ring has newer events: the next batch is there at once.
# - The number is the ring's last, and that event is the end of the log: the iteration ends.
# - The number is the ring's last: the subscriber joins the log's `waiting` subscribers and awaits a future. It
#   does not `await` between the look at the ring and the joining, so it misses no event.
# - The number is not known yet, or the ring has evicted the event after it: `_catch_up` looks the offset up. It returns
#   to the cases above if the ring has every later event. Otherwise the store replays events, or reports a gap.
#
# While a subscriber waits, the log calls `deliver`, if a stream has set it. This sends the batch without waking the
# stream's task. The wait goes on, in the group of the newer sequence number; the subscriber's own number stays behind
# until the wait ends. The wait ends if `deliver` is not set or returns False: `receive` resolves the future with that
# batch. The next `__anext__`, or `aclose`, then moves the place and counts the batch as delivered. A gap also comes by
# `receive`. If the store is closed, `end` ends the wait and the iteration.
#
# The pace of the channel counts a subscriber as busy unless it waits. While the store replays events to it, it is not
# counted: it needs none of the ring.
#
# A subscriber gets a gap instead of events
#
# - if it resumes with an id from before a restart, or from another store: from there to the oldest event of the ring;
# - if it has fallen behind, or resumes from an old id, and the store does not keep the next events any more;
# - if the store has lost events: `EventLog.skip_to` sends the same gap to all subscribers that wait. Those that do not
#   wait compare `lost_up_to`, because the gap may end where they are.
#
# After a gap the subscriber continues as from an event with the gap's id.


class Place:
    """Names where a subscription begins: in the log of a channel, after an offset.

    `offset`: `None` if it is the offset that was the newest at the moment `subscribed_at`, and the log does not know it
    yet; then it is not less than `least`, which the log knew. `unknown_id`: an id from before a restart, or from
    another store; the subscription begins with a gap.
    """

    __slots__ = ("kind", "least", "log", "offset", "subscribed_at", "unknown_id")

    def __init__(self, kind: Kind, log: EventLog, *, offset: Offset | None, unknown_id: str | None = None) -> None:
        self.kind = kind
        self.log = log
        self.offset = offset
        self.unknown_id = unknown_id
        self.least = log.newest_offset()
        self.subscribed_at = monotonic()

    def opened(self) -> "Place":
        """Returns the same place in an open log, if the process has let the channel go since.

        If the place is not known, or the events went with the log, what happened in between is not known, so the place
        becomes an unknown id.
        """
        log = self.log
        if not log.is_gone:
            return self
        after = self.unknown_id or log.id_of(log.newest_offset() if self.offset is None else self.offset)
        log = self.kind.log(log.name)
        offset = None if self.offset is None or self.unknown_id is not None else log.offset_of(after)
        log.listen(offset)
        return Place(self.kind, log, offset=offset, unknown_id=after if offset is None else None)


class Subscriber(PublishedItems):
    """An iterator over the batches of events from one place on. Close it, so that the channel counts it no more.

    `deliver`: if set, the publisher calls it with the next batch while the subscriber waits.
    """

    __slots__ = (
        "__weakref__",
        "_busy_in",
        "_counters",
        "_is_open",
        "_least",
        "_log",
        "_loss",
        "_offset",
        "_pace",
        "_ring",
        "_sequence",
        "_subscribed_at",
        "_unknown_id",
        "_waiter",
        "_waiting",
        "deliver",
    )

    def __init__(self, place: Place) -> None:
        log = place.log
        self._log = log
        self._ring = log.ring
        self._waiting = log.waiting
        self._counters = log.counters
        self._pace = log.pace
        self._busy_in = log.pace.generation  # the generation of the pace that counts it as busy
        self._unknown_id = place.unknown_id
        self._offset = place.offset
        self._subscribed_at = place.subscribed_at
        self._least = place.least
        self._loss = log.lost_up_to
        self._sequence: int | None = None
        self._waiter: asyncio.Future[Batch] | None = None
        self._is_open = True
        self.deliver: Callable[[FramedItems], bool] | None = None
        log.join()
        self._pace.busy += 1

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[Batch]:
        waiter = self._waiter
        if waiter is not None and not waiter.cancelled():  # its task has awaited it, so the batch was received
            self._record(waiter.result())
        self._waiter = None
        sequence = self._sequence
        if sequence is None or sequence < self._ring.first_sequence - 1:
            return self._catch_up()
        batch = self._ring.batch_after(sequence)
        if batch is not None or self._log.is_closed or self._ring.end is not None:
            return self._return(batch)
        self._rest()
        self._waiter = waiter = self._waiting.add(sequence, self)
        return waiter

    def receive(self, batch: Batch) -> None:
        """Ends the wait with a batch that `deliver` did not send."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(batch)
            self._busy_in = self._pace.generation
            self._pace.busy += 1

    def end(self) -> None:
        """Ends the wait and the iteration, because the store is closed."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(StopAsyncIteration())

    async def aclose(self) -> None:
        """Ends the subscription: the channel counts it no more, and sends it nothing."""
        if self._is_open:
            self._is_open = False
            self._log.leave()
            self._rest()
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            return
        self._waiting.remove(self)
        waiter.cancel()
        if not waiter.cancelled() and waiter.exception() is None:
            self._record(waiter.result())

    def _rest(self) -> None:
        """Ends being busy."""
        if self._busy_in == self._pace.generation:
            self._pace.busy -= 1
        self._busy_in = NOT_BUSY
        self._pace.steps += 1

    def _record(self, batch: Batch) -> None:
        self._sequence = batch.sequence
        self._offset = batch.offset
        if batch.is_gap:
            self._loss = self._log.lost_up_to
            self._counters.gaps += 1
        else:
            self._counters.delivered += batch.count

    async def _return(self, batch: Batch | None) -> Batch:
        """Returns the batch, or ends the iteration if it is `None`."""
        if batch is None:
            raise StopAsyncIteration
        self._pace.steps += 1
        self._record(batch)
        return batch

    async def _catch_up(self) -> Batch:
        """Returns the next batch for an offset whose sequence number is not known, or not in the ring any more."""
        log, ring = self._log, self._ring
        offset = await self._first_offset()
        while not log.is_closed:
            if self._unknown_id is not None:
                after, self._unknown_id = self._unknown_id, None
                return await self._return(log.make_gap(after, ring.low_watermark))
            loss = log.lost_up_to
            if loss is not None and loss is not self._loss:
                return await self._return(log.make_gap(log.id_of(offset), loss))
            self._sequence = ring.sequence_at(offset)
            if self._sequence is not None:
                return await anext(self)
            self._rest()
            replay = await log.replay(offset)
            if replay.gap_end is not None:
                return await self._return(log.make_gap(log.id_of(offset), replay.gap_end))
            if replay.events:
                return await self._return(Batch(fill_batch(replay.events)))
            self._offset = offset = replay.offset
        raise StopAsyncIteration

    async def settle(self) -> str:
        """Waits until the place is known. Returns the id of the event before."""
        self._offset = await self._log.settle(await self._first_offset())
        return self._unknown_id or self._log.id_of(self._offset)

    async def _first_offset(self) -> Offset:
        """Waits until the log is ready or closed. Returns the offset to continue from."""
        log = self._log
        while not (log.is_ready or log.is_closed):
            await log.changed.wait()
        if self._offset is None:  # it subscribed before the log was ready
            self._offset = max(log.offset_at(self._subscribed_at), self._least)
        if self._offset == NOTHING:  # the log may know the beginning by now
            self._offset = log.earliest_offset()
        return self._offset


T = TypeVar("T")


class Subscription(FramedSource[T], AsyncIterable[ServerSentEvent[T]], Generic[T]):
    """The events of channels from one place on, as the stream of a response, or for an `async for` of your own.

    `id` and `event` of an event are as published; several channels as one stream have ids of their own. If `event` is
    "gap", `data` is a `Gap` instead of a `T`. Each iteration begins at the place of the subscription. It ends when the
    store is closed. An event that does not decode as `T` is logged once, and skipped.
    """

    @abstractmethod
    def __aiter__(self) -> AsyncGenerator[ServerSentEvent[T], None]:  # noqa: PYI058 - it can be closed
        """Yields the events."""

    @abstractmethod
    def framed(self) -> Any:
        """Returns an iterator over framed batches of the same events. Close it."""


class ChannelSubscription(Subscription[T]):
    """The events of one channel. `place`: where each iteration begins."""

    def __init__(self, place: Place, decoder: Decoder[T]) -> None:
        self._place = place
        self._decoder: Decoder[Any] = decoder

    async def __aiter__(self) -> AsyncGenerator[ServerSentEvent[T], None]:
        subscriber = self.framed()
        try:
            async for batch in subscriber:
                for event in batch.events:
                    decoded = self.decode(event)
                    if decoded is not None:
                        yield decoded
        finally:
            await subscriber.aclose()

    def framed(self) -> Subscriber:
        """Returns a subscriber that begins at the place of the subscription."""
        self._place = self._place.opened()
        return Subscriber(self._place)

    def decode(self, event: Event) -> ServerSentEvent[T] | None:
        """Returns an event with decoded data. Returns `None` if it does not fit the type, and logs that once."""
        try:
            return event.with_data(self._data_of(event))
        except Exception:  # a class of the application may raise any error when it is made
            self._place.log.report(event.id, "does not fit the type of the channel")
            return None

    def _data_of(self, event: Event) -> Any:
        if event.is_text:
            text = event.data.decode()
            return text if self._decoder.type is str else from_text(text, self._decoder.type)
        return event.decode_gap() if event.type == GAP else self._decoder.decode(event.data)
