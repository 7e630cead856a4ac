"""A gauge of the open streams, in the text format that Prometheus reads."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count

from msgspec import Struct

from jero import BaseApp, Endpoint, SSEResponse, StreamOutcome, StreamStart, TextResponse


class Price(Struct):
    number: int


class PricesEndpoint(Endpoint, path="/prices"):
    async def get(self) -> SSEResponse[Price]:
        return SSEResponse(stream=self._prices())

    async def _prices(self) -> AsyncIterator[Price]:
        for number in count(1):
            yield Price(number=number)
            await asyncio.sleep(0.5)


class MetricsEndpoint(Endpoint, path="/metrics"):
    def __init__(self, open_streams: Counter[str]) -> None:
        self._open_streams = open_streams

    async def get(self) -> TextResponse:
        lines = [f'open_streams{{endpoint="{name}"}} {number}\n' for name, number in self._open_streams.items()]
        return TextResponse("".join(["# TYPE open_streams gauge\n", *lines]))


class App(BaseApp):
    def __init__(self) -> None:
        super().__init__()
        self._open_streams = Counter[str]()

    async def _wire(self) -> None:
        self._include_endpoint(PricesEndpoint())
        self._include_endpoint(MetricsEndpoint(self._open_streams))

    async def _on_stream_start(self, start: StreamStart) -> None:
        self._open_streams[start.endpoint] += 1

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self._open_streams[outcome.endpoint] -= 1
        print(f"{outcome.endpoint}: {outcome.reason}")


app = App()
