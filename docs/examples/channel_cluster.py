"""The same channel on a Redis cluster, which a client of your own finds. The store connects as that client does."""

import os
from dataclasses import dataclass

from msgspec import Struct
from redis.asyncio.cluster import RedisCluster

from jero import BaseApp, Created, Endpoint, ResumeHeaders, SSEResponse
from jero.channels import Channel, RedisStore


class Notification(Struct):
    text: str


class Published(Struct):
    id: str


@dataclass
class NotificationsEndpoint(Endpoint, path="/notifications"):
    channel: Channel[Notification]

    async def post(self, json: Notification) -> Created[Published]:
        return Created(Published(await self.channel.publish(json)))

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Notification]:
        return SSEResponse(stream=self.channel.subscribe(after=headers.last_event_id), keepalive=15)


class App(BaseApp):
    async def _wire(self) -> None:
        url = os.environ.get("REDIS_URL", "redis://localhost:7000")
        client = await self._aenter(RedisCluster.from_url(url, password=os.environ.get("REDIS_PASSWORD")))
        store = await self._aenter(RedisStore(client=client, prefix="shop:", wait_replicas=1))
        channel = Channel(store, "notifications", Notification, publish_timeout=2)
        self._include_endpoint(NotificationsEndpoint(channel))


app = App()
