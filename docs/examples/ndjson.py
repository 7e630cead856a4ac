"""NDJSON: one JSON text a line, each sent as soon as it is ready."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count, islice

from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse


class Limit(Struct):
    limit: int | None = None


class Reading(Struct):
    number: int
    celsius: float


class ReadingsEndpoint(Endpoint, path="/readings"):
    """Streams readings without end, unless the query string sets a limit."""

    async def get(self, params: Limit) -> NDJSONStreamingResponse[Reading]:
        return NDJSONStreamingResponse(stream=self._readings(params.limit))

    async def _readings(self, limit: int | None) -> AsyncIterator[Reading]:
        for number in islice(count(1), limit):
            yield Reading(number=number, celsius=20 + number % 5 / 10)
            await asyncio.sleep(0.2)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ReadingsEndpoint())


app = App()
