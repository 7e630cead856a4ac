"""What a subscriber has received, and whether that is all of it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from anyio.lowlevel import checkpoint
from msgspec import Struct

from jero import ServerSentEvent
from jero.channels import Channel, Gap, Subscription

T = TypeVar("T")

PATIENCE = 20.0


class Note(Struct):
    """What the tests publish."""

    number: int
    text: str = ""


class Follower:
    """Reads one event after the other, as they are asked for."""

    def __init__(self, subscription: Subscription[Any]) -> None:
        self._events: AsyncGenerator[ServerSentEvent[Any], None] = subscription.__aiter__()
        self.received: list[ServerSentEvent[Any]] = []

    async def next(self) -> ServerSentEvent[Any]:
        """One more."""
        async with asyncio.timeout(PATIENCE):
            event = await anext(self._events)
        self.received.append(event)
        return event

    async def until(self, event_id: str) -> list[ServerSentEvent[Any]]:
        """All up to the event with that id."""
        while not self.received or self.received[-1].id != event_id:
            await self.next()
        return self.received

    async def close(self) -> None:
        """Reads no more."""
        await self._events.aclose()


async def take(subscription: Subscription[T], count: int) -> list[ServerSentEvent[T]]:
    """The first events of a subscription."""
    received: list[ServerSentEvent[T]] = []
    async with asyncio.timeout(PATIENCE), aclosing(subscription.__aiter__()) as events:
        async for event in events:
            received.append(event)
            if len(received) == count:
                break
    return received


async def publish(channel: Channel[Note], count: int, first: int = 1) -> list[str]:
    """The ids of so many notes, published one after the other, numbered from `first` on."""
    return [await channel.publish(Note(number)) for number in range(first, first + count)]


async def until(is_so: Callable[[], bool]) -> None:
    """Returns when it is so: the event loop takes its turns until then."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():
            await checkpoint()


def numbers(events: Sequence[ServerSentEvent[Note]]) -> list[int]:
    """The notes' own numbers."""
    return [event.data.number for event in events if isinstance(event.data, Note)]


def order(event_id: str) -> tuple[int, int]:
    """What an id stands for; a life of a memory store is in base 16, which does as well."""
    before, _, after = event_id.partition("-")
    return int(before, 16), int(after)


def check_accounted(published: Sequence[str], received: Sequence[ServerSentEvent[Any]], after: str) -> None:
    """Every event after the id was received, once and in order, or a gap says that it was not."""
    at = order(after)
    pending = [event_id for event_id in published if order(event_id) > at]
    for event in received:
        if isinstance(event.data, Gap):
            assert order(event.data.after) == at
            at = order(event.data.resumed_at)
            while pending and order(pending[0]) <= at:
                pending.pop(0)
        else:
            assert event.id is not None
            assert event.id == pending.pop(0)
            at = order(event.id)
    assert pending == []
