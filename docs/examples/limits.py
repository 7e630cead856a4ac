"""Limits: how many streams are open, how long each goes on, and how long a client may take nothing."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count, repeat

from msgspec import Struct

from jero import BaseApp, Endpoint, SSEResponse, StreamingResponse, StreamOutcome, StreamPolicy


class Price(Struct):
    number: int


class PricesEndpoint(Endpoint, path="/prices"):
    """Two at a time; each ends after some 2 seconds, and its client comes back by itself."""

    stream_policy = StreamPolicy(max_concurrent=2, max_duration=2)

    async def get(self) -> SSEResponse[Price]:
        return SSEResponse(stream=self._prices())

    async def _prices(self) -> AsyncIterator[Price]:
        for number in count(1):
            yield Price(number=number)
            await asyncio.sleep(0.5)


class NoiseEndpoint(Endpoint, path="/noise"):
    """As many as want it; a client that takes nothing for a second is dropped."""

    async def get(self) -> StreamingResponse:
        return StreamingResponse(stream=repeat(bytes(65_536)), policy=StreamPolicy(send_timeout=1))


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(PricesEndpoint())
        self._include_endpoint(NoiseEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        print(f"{outcome.endpoint}: {outcome.reason} after {outcome.duration:.1f} s")


app = App(stream_policy=StreamPolicy(max_concurrent=1_000))
