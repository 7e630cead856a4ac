"""A channel: every subscriber receives each notification, and a client that was away catches up."""

from dataclasses import dataclass

from msgspec import Struct

from jero import BaseApp, Created, Endpoint, ResumeHeaders, SSEResponse
from jero.channels import Channel, ChannelStatistics, MemoryStore


class Notification(Struct):
    text: str


class Published(Struct):
    id: str


@dataclass
class NotificationsEndpoint(Endpoint, path="/notifications"):
    channel: Channel[Notification]

    async def post(self, json: Notification) -> Created[Published]:
        return Created(Published(await self.channel.publish(json, event="notification")))

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Notification]:
        return SSEResponse(stream=self.channel.subscribe(after=headers.last_event_id), keepalive=15)


@dataclass
class StatisticsEndpoint(Endpoint, path="/statistics"):
    channel: Channel[Notification]

    async def get(self) -> ChannelStatistics:
        return self.channel.statistics()


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        channel = Channel(store, "notifications", Notification, history=1_000)
        self._include_endpoint(NotificationsEndpoint(channel))
        self._include_endpoint(StatisticsEndpoint(channel))


app = App()
