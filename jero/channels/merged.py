"""Subscribes to several channels as one stream: each event has an id that is a position in all of them."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Final, Self, TypeVar, overload

from jero.channels.channel import After, Channel, Earliest
from jero.channels.event import GAP, Event, make_event, make_gap
from jero.channels.ring import Batch
from jero.channels.subscribers import ChannelSubscription, Subscriber, Subscription
from jero.errors import BadRequest
from jero.framing.event import ServerSentEvent
from jero.framing.framing import FramedItems, Framing
from jero.framing.sse import SSE, SSE_TEXT

# Theory of operation
# -------------------
#
# A merged stream has a subscriber in each channel, and asks all of them for their next batch. It takes the batches as
# they come, in turn if several are there. A subscriber that waits costs a future, and one that catches up a task.
#
# An id is a list of `digest:id`: for each channel, the id of its newest event that was sent before or with this event,
# or where the subscription began in it. So no event is sent before the beginning in each channel is known. A client
# that comes back is at a place in each channel. A channel that its id does not name is new in the list, and begins now.

MOST_CHANNELS: Final = 16
MOST_ID_BYTES: Final = 4_096

_PART: Final = re.compile(r"([0-9a-f]{12}):([0-9a-f]{1,20}-[0-9]{1,20})", re.ASCII)

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


@overload
def subscribe(a: Channel[A], /, *, after: After = ...) -> Subscription[A]: ...


@overload
def subscribe(a: Channel[A], b: Channel[B], /, *, after: After = ...) -> Subscription[A | B]: ...


@overload
def subscribe(a: Channel[A], b: Channel[B], c: Channel[C], /, *, after: After = ...) -> Subscription[A | B | C]: ...


@overload
def subscribe(
    a: Channel[A], b: Channel[B], c: Channel[C], d: Channel[D], /, *, after: After = ...
) -> Subscription[A | B | C | D]: ...


@overload
def subscribe(*channels: Channel[Any], after: After = ...) -> Subscription[Any]: ...


def subscribe(*channels: Channel[Any], after: After = None) -> Subscription[Any]:
    """Returns the events of up to 16 channels, of any kinds and stores, as one stream.

    The events of each channel come in their order. Each channel may have a gap of its own.

    `after`: an id of such a stream; it contains a position in each channel. A channel that it does not name begins with
    the next event, as all do if it is `None` or empty. With `EARLIEST`, all begin with the oldest kept event.

    Raises `ValueError` for no channel, for more than 16, and for one channel twice. Raises `BadRequest` if `after`
    cannot be an id of such a stream.
    """
    digests = [channel.digest for channel in channels]
    if not 0 < len(channels) <= MOST_CHANNELS:
        raise ValueError(f"subscribe() takes 1 to {MOST_CHANNELS} channels, not {len(channels)}.")
    if len(set(digests)) < len(digests):
        raise ValueError("subscribe() has the same channel twice.")
    places: list[After] = [after] * len(channels)
    if after and not isinstance(after, Earliest):
        known = _read_id(after)
        places = [known.get(digest) for digest in digests]
    subscriptions = [channel.subscription(place) for channel, place in zip(channels, places, strict=True)]
    return MergedSubscription(digests, subscriptions)


def _read_id(event_id: str) -> dict[str, str]:
    """Returns the id in each channel, by the digest of the channel."""
    parts = event_id.split(",") if len(event_id) <= MOST_ID_BYTES else []
    matches = [match for part in parts if (match := _PART.fullmatch(part))]
    known = {match[1]: match[2] for match in matches}
    if not known or len(known) < len(parts):
        raise BadRequest("Last-Event-ID is not an event id of these channels: it is malformed.")
    return known


class MergedSubscription(Subscription[Any]):
    """The events of several channels, each from one place on."""

    def __init__(self, digests: Sequence[str], subscriptions: Sequence[ChannelSubscription[Any]]) -> None:
        self._digests = digests
        self._subscriptions = subscriptions

    async def __aiter__(self) -> AsyncGenerator[ServerSentEvent[Any], None]:
        batches = self.framed()
        try:
            async for batch in batches:
                decode = self._subscriptions[batch.index].decode
                for event in batch.events:
                    data = decode(event)
                    if data is not None:
                        yield data
        finally:
            await batches.aclose()

    def framed(self) -> "Merging":
        """Returns an iterator over framed batches of the same events."""
        return Merging(self._digests, [subscription.framed() for subscription in self._subscriptions])


class MergedBatch(FramedItems):
    """The events of a batch of one channel, with ids that are positions in all of them.

    `index`: which of the channels it is. `events`: the events with their new ids.
    """

    __slots__ = ("_batch", "events", "index")

    def __init__(self, index: int, batch: Batch, events: Sequence[Event]) -> None:
        super().__init__(batch.count)
        self.index = index
        self.events = events
        self._batch = batch

    def bytes_in(self, framing: Framing) -> bytes:
        """Returns the events in a format. Those without ids are shared with all subscribers of the channel."""
        if framing is SSE or framing is SSE_TEXT:
            return b"".join([event.frame for event in self.events])
        if not self._batch.is_gap:
            return self._batch.bytes_in(framing)
        return Batch(self.events, is_gap=True).bytes_in(framing)


class Merging(AsyncIterator[MergedBatch]):
    """An iterator over the batches of several subscribers, as they come. Close it, as a `Subscriber`."""

    def __init__(self, digests: Sequence[str], subscribers: Sequence[Subscriber]) -> None:
        self._digests = digests
        self._subscribers = subscribers
        self._ids: list[str] = []
        self._next: list[asyncio.Future[Batch] | None] = [None] * len(subscribers)
        self._first = 0  # which channel is looked at first
        self._wake: asyncio.Future[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MergedBatch:
        if not self._ids:
            self._ids = [await subscriber.settle() for subscriber in self._subscribers]
        while True:
            ready = self._ready()
            if ready is not None:
                return self._merge(ready)
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None

    async def aclose(self) -> None:
        """Ends all subscriptions."""
        for index, waiting in enumerate(self._next):
            if isinstance(waiting, asyncio.Task):
                waiting.cancel()
                await asyncio.wait((waiting,))
            if waiting is not None and waiting.done() and not waiting.cancelled():
                waiting.exception()  # so that it is not reported as forgotten
            self._next[index] = None
        for subscriber in self._subscribers:
            await subscriber.aclose()

    def _ready(self) -> int | None:
        """Returns the next channel that has a batch, or has ended. Asks all channels for their next batch."""
        count = len(self._subscribers)
        found: int | None = None
        for index in [*range(self._first, count), *range(self._first)]:
            waiting = self._next[index]
            if waiting is None:
                self._next[index] = waiting = asyncio.ensure_future(self._subscribers[index].__anext__())
                waiting.add_done_callback(self._notify)
            if found is None and waiting.done():
                found = index
        return found

    def _notify(self, _: asyncio.Future[Batch]) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _merge(self, index: int) -> MergedBatch:
        """Returns the batch of one channel, with new ids. Raises `StopAsyncIteration` if the channel has ended."""
        waiting, self._next[index] = self._next[index], None
        self._first = (index + 1) % len(self._subscribers)
        if waiting is None:
            raise RuntimeError("a channel was asked before it is looked at")
        batch = waiting.result()
        events: list[Event] = []
        for event in batch.events:
            before = self._position() if batch.is_gap else ""
            self._ids[index] = event.id
            events.append(_with_id(event, before, self._position()))
        return MergedBatch(index, batch, events)

    def _position(self) -> str:
        """Returns the present position in all channels as an id."""
        return ",".join([f"{digest}:{id_}" for digest, id_ in zip(self._digests, self._ids, strict=True)])


def _with_id(event: Event, before: str, position: str) -> Event:
    """Returns the event with a position as its id. A gap reaches from one position to another."""
    if event.type == GAP:
        return make_gap(before, event.offset, position)
    return make_event(event.payload(), event.offset, position)
