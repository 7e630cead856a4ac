"""jero with a `Channel`, in memory or on Redis."""

import os
from dataclasses import dataclass

from benchmarks.item import Item
from benchmarks.publication import HISTORY, REDIS_URL, Publication
from jero import BaseApp, Endpoint, SSEResponse
from jero.channels import Channel, MemoryStore, RedisStore


@dataclass
class ChannelEndpoint(Endpoint, path="/channel"):
    channel: Channel[Item]

    async def get(self) -> SSEResponse[Item]:
        return SSEResponse(stream=self.channel.subscribe())

    async def post(self, params: Publication) -> str:
        await params.publish(self.channel.publish)
        return "ok"


class App(BaseApp):
    async def _wire(self) -> None:
        url = os.environ.get(REDIS_URL)
        store = await self._aenter(RedisStore(url) if url else MemoryStore())
        self._include_endpoint(ChannelEndpoint(Channel(store, "items", Item, history=HISTORY)))


app = App()
