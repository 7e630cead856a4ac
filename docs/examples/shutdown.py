"""A shutdown with streams open: one ends at once, one has time to finish, and the resources are closed last."""

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
    """Its client comes back by itself, so that it is sent away at once."""

    async def get(self) -> SSEResponse[Tick]:
        return SSEResponse(stream=ticks())


class CountdownEndpoint(Endpoint, path="/countdown"):
    """Its client wants the end: it has `drain_timeout`."""

    async def get(self) -> NDJSONStreamingResponse[Tick]:
        return NDJSONStreamingResponse(stream=ticks(3, 2, 1, 0))


class ForeverEndpoint(Endpoint, path="/forever"):
    """Never ends by itself: after `drain_timeout` it is cut."""

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
