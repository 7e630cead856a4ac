"""What is told in the feed of notifications, and where it is kept."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from jero.channels import Channel, ChannelUnavailable, MemoryStore, RedisStore, Store

logger = logging.getLogger("demo_app.notifications")

PREFIX: Final = "jero-demo:"
# A client that an outage keeps waiting for longer than this is better told of it.
PUBLISH_TIMEOUT: Final = 2.0


class Notification(Struct, frozen=True):
    """Something that happened, and when."""

    text: str
    at: datetime


def notification_of(text: str) -> Notification:
    """It happens now."""
    return Notification(text, datetime.now(UTC))


def store_at(redis_url: str | None) -> Store:
    """Keeps the notifications in this process; with the URL of a Redis there, for all processes that use it."""
    return MemoryStore() if redis_url is None else RedisStore(redis_url, prefix=PREFIX)


async def tell(notifications: Channel[Notification], event: str, text: str) -> None:
    """Publishes what nobody waits for: where the store is away it is left out, and the log says so."""
    try:
        await notifications.publish(notification_of(text), event=event)
    except ChannelUnavailable:
        logger.warning("Not told: %s", text)


@asynccontextmanager
async def heartbeat(notifications: Channel[Notification], interval: float) -> AsyncGenerator[None, None]:
    """Tells every `interval` seconds that this process lives."""

    async def beat() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await asyncio.sleep(interval)
            said = f"Process {os.getpid()} is up for {loop.time() - began:.0f} s."
            with suppress(ChannelUnavailable):  # the next one says as much
                await notifications.publish(notification_of(said), event="heartbeat")

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
