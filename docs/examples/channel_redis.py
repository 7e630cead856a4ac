"""The same channel on Redis: any number of workers, on any number of machines, share it."""

import os
from dataclasses import dataclass

from msgspec import Struct

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
        return Created(Published(await self.channel.publish(json)))  # 503 if Redis does not answer

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Notification]:
        return SSEResponse(stream=self.channel.subscribe(after=headers.last_event_id), keepalive=15)


class App(BaseApp):
    async def _wire(self) -> None:
        url = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
        store = await self._aenter(RedisStore(url, prefix="shop:"))
        channel = Channel(store, "notifications", Notification, publish_timeout=2)
        self._include_endpoint(NotificationsEndpoint(channel))


app = App()
