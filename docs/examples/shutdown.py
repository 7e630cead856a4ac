"""A shutdown with open streams: one ends at once, others have time to finish, resources close last."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, SSEResponse, StreamOutcome, StreamPolicy


class Tick(Struct):
    number: int


async def ticks(*numbers: int) -> AsyncIterator[Tick]:
    for number in numbers or count(1):
        yield Tick(number=number)
        await asyncio.sleep(0.5)


class ClockEndpoint(Endpoint, path="/clock"):
    """Ends at once, since its client reconnects automatically."""

    async def get(self) -> SSEResponse[Tick]:
        return SSEResponse(stream=ticks())


class CountdownEndpoint(Endpoint, path="/countdown"):
    """Has `drain_timeout` to finish, since its client wants the end."""

    async def get(self) -> NDJSONStreamingResponse[Tick]:
        return NDJSONStreamingResponse(stream=ticks(3, 2, 1, 0))


class ForeverEndpoint(Endpoint, path="/forever"):
    """Never ends on its own, so that it is cut after `drain_timeout`."""

    async def get(self) -> NDJSONStreamingResponse[Tick]:
        return NDJSONStreamingResponse(stream=ticks())


@asynccontextmanager
async def connected() -> AsyncGenerator[None, None]:
    yield
    print("database closed")


class App(BaseApp):
    async def _wire(self) -> None:
        await self._aenter(connected())
        for endpoint in (ClockEndpoint(), CountdownEndpoint(), ForeverEndpoint()):
            self._include_endpoint(endpoint)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        print(f"{outcome.endpoint}: {outcome.reason}")


app = App(stream_policy=StreamPolicy(drain_timeout=3))
