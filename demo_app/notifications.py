"""A feed of notifications in one process: the last ones are kept, for clients that come back."""

import asyncio
import re
import secrets
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from jero import BadRequest, ServerSentEvent

EVENT_ID: Final = r"^([0-9a-f]{8}-[0-9]{1,15})?$"

_ID = re.compile(r"([0-9a-f]{8})-([0-9]{1,15})")


class Notification(Struct, frozen=True):
    """Something that happened in this process, and when."""

    text: str
    at: datetime


class NotificationFeed:
    """Numbers what is published, keeps the last `history` of it, and lets any number of readers follow.

    An id names the feed's life beside the number: one that a client brings from before a restart, or from
    another worker, is no position here, and is never taken for one.
    """

    def __init__(self, history: int = 256) -> None:
        self.life = secrets.token_hex(4)
        self._last = 0
        self._kept: deque[ServerSentEvent[Notification]] = deque(maxlen=history)
        self._published = asyncio.Event()

    def publish(self, event: str, text: str) -> None:
        """Gives every reader an event of that name."""
        self._last += 1
        self._kept.append(self._event(event, text, self._last))
        self._published.set()
        self._published = asyncio.Event()

    def subscribe(self, after: str | None) -> AsyncIterator[ServerSentEvent[Notification]]:
        """What is published from now on; with the id of an event, all that came after it.

        A reader that missed what is no longer kept is told so by an event `gap`, and goes on from the oldest kept.
        Raises `BadRequest` for an id that this feed never gave.
        """
        return self._follow(self._position(after) if after else self._last)

    def _position(self, after: str) -> int:
        match = _ID.fullmatch(after)
        if match is None or (match[1] == self.life and int(match[2]) > self._last):
            raise BadRequest("Last-Event-ID is no id of this feed.")
        return int(match[2]) if match[1] == self.life else -1

    async def _follow(self, position: int) -> AsyncIterator[ServerSentEvent[Notification]]:
        while True:
            oldest = self._last - len(self._kept)
            if position < oldest:
                position = oldest
                yield self._event("gap", "What came before this is no longer kept.", position)
            elif position < self._last:
                position += 1
                yield self._kept[position - 1 - oldest]
            else:
                await self._published.wait()

    def _event(self, event: str, text: str, number: int) -> ServerSentEvent[Notification]:
        data = Notification(text, datetime.now(UTC))
        return ServerSentEvent(event=event, id=f"{self.life}-{number}", data=data)


@asynccontextmanager
async def heartbeat(feed: NotificationFeed, interval: float) -> AsyncGenerator[None, None]:
    """Publishes a sign of life every `interval` seconds."""

    async def beat() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await asyncio.sleep(interval)
            feed.publish("heartbeat", f"Up for {loop.time() - began:.0f} s.")

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
