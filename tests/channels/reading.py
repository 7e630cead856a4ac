"""Publishes and receives notes, and checks that none is missing."""

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
    """An event of the tests."""

    number: int
    text: str = ""


class Follower:
    """Reads a subscription event by event."""

    def __init__(self, subscription: Subscription[Any]) -> None:
        self._events: AsyncGenerator[ServerSentEvent[Any], None] = subscription.__aiter__()
        self.received: list[ServerSentEvent[Any]] = []

    async def next(self) -> ServerSentEvent[Any]:
        """Returns the next event."""
        async with asyncio.timeout(PATIENCE):
            event = await anext(self._events)
        self.received.append(event)
        return event

    async def until(self, event_id: str) -> list[ServerSentEvent[Any]]:
        """Reads up to the event with that id. Returns all events so far."""
        while not self.received or self.received[-1].id != event_id:
            await self.next()
        return self.received

    async def close(self) -> None:
        """Ends the subscription."""
        await self._events.aclose()


async def take(subscription: Subscription[T], count: int) -> list[ServerSentEvent[T]]:
    """Returns the first events of a subscription, fewer if it ends."""
    received: list[ServerSentEvent[T]] = []
    async with asyncio.timeout(PATIENCE), aclosing(subscription.__aiter__()) as events:
        async for event in events:
            received.append(event)
            if len(received) == count:
                break
    return received


async def publish(channel: Channel[Note], count: int, first: int = 1) -> list[str]:
    """Publishes notes one after the other, numbered from `first`. Returns their ids."""
    return [await channel.publish(Note(number)) for number in range(first, first + count)]


async def until(condition: Callable[[], bool]) -> None:
    """Lets the event loop run until the condition is true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await checkpoint()


def numbers(events: Sequence[ServerSentEvent[Note]]) -> list[int]:
    """Returns the numbers of the notes; gaps have none."""
    return [event.data.number for event in events if isinstance(event.data, Note)]


def order(event_id: str) -> tuple[int, int]:
    """Returns a sort key for an id. It reads base 16, which the memory store uses; Redis ids keep their order."""
    before, _, after = event_id.partition("-")
    return int(before, 16), int(after)


def check_accounted(published: Sequence[str], received: Sequence[ServerSentEvent[Any]], after: str) -> None:
    """Checks that every event after the id was received once and in order, or that a gap covers it."""
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
