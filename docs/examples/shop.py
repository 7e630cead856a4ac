"""A shop whose orders reach every client, whichever worker or machine it is connected to."""

import os
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from jero import BaseApp, Created, Endpoint, NDJSONStreamingResponse, ResumeHeaders, SSEResponse, StreamPolicy
from jero.channels import EARLIEST, Channel, RedisStore


class Order(Struct):
    item: str


class Placed(Struct):
    id: str


@dataclass
class OrdersEndpoint(Endpoint, path="/orders"):
    channel: Channel[Order]

    async def post(self, json: Order) -> Created[Placed]:
        return Created(Placed(await self.channel.publish(json)))

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Order]:
        return SSEResponse(stream=self.channel.subscribe(after=headers.last_event_id))


@dataclass
class ExportEndpoint(Endpoint, path="/export"):
    channel: Channel[Order]

    async def get(self) -> NDJSONStreamingResponse[Order]:
        return NDJSONStreamingResponse(stream=self.channel.subscribe(after=EARLIEST), keepalive=15)


class Ready(Struct):
    status: Literal["ready"] = "ready"


class ReadyEndpoint(Endpoint, path="/ready"):
    async def get(self) -> Ready:
        return Ready()


class App(BaseApp):
    async def _wire(self) -> None:
        url = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
        store = await self._aenter(RedisStore(url, prefix="shop:"))
        orders = Channel(store, "orders", Order, publish_timeout=2)
        self._include_endpoint(OrdersEndpoint(orders))
        self._include_endpoint(ExportEndpoint(orders))
        self._include_endpoint(ReadyEndpoint())


app = App(stream_policy=StreamPolicy(drain_timeout=3))
