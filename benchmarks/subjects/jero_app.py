"""jero."""

from collections.abc import Sequence

from msgspec import Struct

from benchmarks.item import ITEMS, PAGE, Item, supply
from benchmarks.sources import endless, idle, pausing, queued, ready, ticking
from jero import BaseApp, Endpoint, NDJSONStreamingResponse, SSEResponse, StreamPolicy

SEND_TIMEOUT = 5.0


class Count(Struct):
    count: int


class HealthEndpoint(Endpoint, path="/health"):
    async def get(self) -> str:
        return "ok"


class ItemEndpoint(Endpoint, path="/item"):
    async def get(self) -> Item:
        return ITEMS[0]

    async def post(self, json: Item) -> Item:
        return json


class ItemsEndpoint(Endpoint, path="/items"):
    async def get(self) -> Sequence[Item]:
        return PAGE


class PageEndpoint(Endpoint, path="/ndjson/page"):
    async def get(self) -> NDJSONStreamingResponse[Item]:
        return NDJSONStreamingResponse(stream=PAGE)


class ReadyEndpoint(Endpoint, path="/ndjson/ready"):
    async def get(self, params: Count) -> NDJSONStreamingResponse[Item]:
        return NDJSONStreamingResponse(stream=ready(supply(params.count)))


class ReadyEventsEndpoint(Endpoint, path="/sse/ready"):
    async def get(self, params: Count) -> SSEResponse[Item]:
        return SSEResponse(stream=ready(supply(params.count)))


class PausingEndpoint(Endpoint, path="/ndjson/pausing"):
    async def get(self, params: Count) -> NDJSONStreamingResponse[Item]:
        return NDJSONStreamingResponse(stream=pausing(supply(params.count)))


class QueuedEndpoint(Endpoint, path="/ndjson/queued"):
    async def get(self, params: Count) -> NDJSONStreamingResponse[Item]:
        return NDJSONStreamingResponse(stream=queued(supply(params.count)))


class EndlessEndpoint(Endpoint, path="/ndjson/endless"):
    stream_policy = StreamPolicy(send_timeout=SEND_TIMEOUT)

    async def get(self) -> NDJSONStreamingResponse[Item]:
        return NDJSONStreamingResponse(stream=endless(supply()))


class TickingEndpoint(Endpoint, path="/ndjson/ticking"):
    async def get(self, params: Count) -> NDJSONStreamingResponse[Item]:
        return NDJSONStreamingResponse(stream=ticking(tick, params.count))


class IdleEventsEndpoint(Endpoint, path="/sse/idle"):
    async def get(self) -> SSEResponse[Item]:
        return SSEResponse(stream=idle(supply()))


def tick(now: float) -> Item:
    return Item(id=0, name="tick", price=now)


class App(BaseApp):
    async def _wire(self) -> None:
        for endpoint in (
            HealthEndpoint(),
            ItemEndpoint(),
            ItemsEndpoint(),
            PageEndpoint(),
            ReadyEndpoint(),
            ReadyEventsEndpoint(),
            PausingEndpoint(),
            QueuedEndpoint(),
            EndlessEndpoint(),
            TickingEndpoint(),
            IdleEventsEndpoint(),
        ):
            self._include_endpoint(endpoint)


app = App()
