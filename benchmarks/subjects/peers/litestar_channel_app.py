"""Litestar: its channels plugin, in memory or on Redis streams, and its `ServerSentEvent`."""

import os
from collections.abc import AsyncIterator
from functools import partial

from litestar import Litestar, MediaType, get, post
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend
from litestar.channels.backends.redis import RedisChannelsStreamBackend
from litestar.channels.subscriber import Subscriber
from litestar.response import ServerSentEvent
from redis.asyncio import Redis

from benchmarks.publication import HISTORY, REDIS_URL, Publication

NAME = "items"


async def events(channels: ChannelsPlugin, subscriber: Subscriber) -> AsyncIterator[bytes]:
    try:
        async for data in subscriber.iter_events():
            yield data
    finally:
        await channels.unsubscribe(subscriber)


@get("/channel")
async def subscribe(channels: ChannelsPlugin) -> ServerSentEvent:
    return ServerSentEvent(events(channels, await channels.subscribe([NAME])))


@post("/channel", media_type=MediaType.TEXT)
async def publish(first: int, count: int, pause: float, publishers: int, channels: ChannelsPlugin) -> str:
    publication = Publication(first, count, pause, publishers)
    await publication.publish(partial(channels.wait_published, channels=[NAME]))
    return "ok"


url = os.environ.get(REDIS_URL)
backend = RedisChannelsStreamBackend(HISTORY, redis=Redis.from_url(url)) if url else MemoryChannelsBackend()

app = Litestar([subscribe, publish], plugins=[ChannelsPlugin(backend, channels=[NAME])])
