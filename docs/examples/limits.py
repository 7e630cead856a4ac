"""Limits: how many streams are open, how long each lasts, and how long a client may take nothing."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count, repeat

from msgspec import Struct

from jero import BaseApp, Endpoint, SSEResponse, StreamingResponse, StreamOutcome, StreamPolicy


class Price(Struct):
    number: int


class PricesEndpoint(Endpoint, path="/prices"):
    """Allows two streams at a time. Each ends after about 2 seconds, and its client reconnects."""

    stream_policy = StreamPolicy(max_concurrent=2, max_duration=2)

    async def get(self) -> SSEResponse[Price]:
        return SSEResponse(stream=self._prices())

    async def _prices(self) -> AsyncIterator[Price]:
        for number in count(1):
            yield Price(number=number)
            await asyncio.sleep(0.5)


class NoiseEndpoint(Endpoint, path="/noise"):
    """Drops a client that takes nothing for a second. Only the application limits the number of streams."""

    async def get(self) -> StreamingResponse:
        return StreamingResponse(stream=repeat(bytes(65_536)), policy=StreamPolicy(send_timeout=1))


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(PricesEndpoint())
        self._include_endpoint(NoiseEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        print(f"{outcome.endpoint}: {outcome.reason} after {outcome.duration:.1f} s")


app = App(stream_policy=StreamPolicy(max_concurrent=1_000))
