"""Publishes the notifications, and chooses the store that keeps them."""

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
# Seconds. If the store is away for longer, the client gets an error instead of a longer wait.
PUBLISH_TIMEOUT: Final = 2.0


class Notification(Struct, frozen=True):
    """An event, and its time."""

    text: str
    at: datetime


def notification_of(text: str) -> Notification:
    """Returns a notification with the present time."""
    return Notification(text, datetime.now(UTC))


def store_at(redis_url: str | None) -> Store:
    """Returns a store in memory, or on Redis if there is a URL. All processes that use a Redis share its store."""
    return MemoryStore() if redis_url is None else RedisStore(redis_url, prefix=PREFIX)


async def publish_or_log(notifications: Channel[Notification], event: str, text: str) -> None:
    """Publishes a notification. If the store is unavailable, logs the text instead."""
    try:
        await notifications.publish(notification_of(text), event=event)
    except ChannelUnavailable:
        logger.warning("Not published, the store is unavailable: %s", text)


@asynccontextmanager
async def heartbeat(notifications: Channel[Notification], interval: float) -> AsyncGenerator[None, None]:
    """Publishes every `interval` seconds that this process is up."""

    async def beat() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await asyncio.sleep(interval)
            text = f"Process {os.getpid()} is up for {loop.time() - began:.0f} s."
            with suppress(ChannelUnavailable):  # the next heartbeat replaces this one
                await notifications.publish(notification_of(text), event="heartbeat")

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
