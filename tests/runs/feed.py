"""The application of the server under test: it starts runs of notes that the client sends, and follows them."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import Struct

from jero import (
    Accepted,
    BaseApp,
    Endpoint,
    NDJSONStreamingResponse,
    NoContent,
    ResumeHeaders,
    SSEResponse,
)
from jero.channels import MemoryStore
from jero.runs import Run, Runs
from tests.runs.reading import ANN, Item


class Order(Struct):
    """How many items a run has, and how many seconds it waits after each. Without a count, it goes on for ever."""

    count: int | None = None
    pause: float = 0.0


class RunPath(Struct):
    """The id of a run in a path."""

    run_id: str


async def items(order: Order) -> AsyncIterator[Item]:
    number = 0
    while order.count is None or number < order.count:
        number += 1
        yield Item(number)
        await asyncio.sleep(order.pause)


class OrdersEndpoint(Endpoint, path="/runs"):
    def __init__(self, runs: Runs[Item]) -> None:
        self._runs = runs

    async def post(self, json: Order) -> Accepted[Run]:
        return Accepted(await self._runs.start(items(json), owner=ANN))


class RunEndpoint(Endpoint, path="/runs/{run_id}"):
    def __init__(self, runs: Runs[Item]) -> None:
        self._runs = runs

    async def get(self, path: RunPath, headers: ResumeHeaders) -> SSEResponse[Item]:
        return SSEResponse(stream=await self._runs.follow(path.run_id, owner=ANN, after=headers.last_event_id))

    async def delete(self, path: RunPath) -> NoContent:
        await self._runs.stop(path.run_id, owner=ANN)
        return NoContent()


class LinesEndpoint(Endpoint, path="/runs/{run_id}/lines"):
    def __init__(self, runs: Runs[Item]) -> None:
        self._runs = runs

    async def get(self, path: RunPath) -> NDJSONStreamingResponse[Item]:
        return NDJSONStreamingResponse(stream=await self._runs.follow(path.run_id, owner=ANN))


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        runs = await self._aenter(Runs(store, Item, drain_timeout=0.1))
        for endpoint in (OrdersEndpoint, RunEndpoint, LinesEndpoint):
            self._include_endpoint(endpoint(runs))


app = App()
