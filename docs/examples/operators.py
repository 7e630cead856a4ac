"""Operators look at the open streams of a process, and stop one of them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from itertools import count

from msgspec import Struct

from jero import BaseApp, BearerAuth, Endpoint, NoContent, NotFound, OpenStream, SSEResponse, Unauthorized


class Price(Struct):
    number: int


class Operator(Struct):
    name: str


class StreamId(Struct):
    stream: str


class Operators(BearerAuth[Operator], realm="operators"):
    async def verify(self, token: str) -> Operator:
        if not secrets.compare_digest(token.encode(), b"operator-token"):  # from the environment
            raise Unauthorized
        return Operator(name="ada")


class PricesEndpoint(Endpoint, path="/prices"):
    async def get(self) -> SSEResponse[Price]:
        return SSEResponse(stream=self._prices())

    async def _prices(self) -> AsyncIterator[Price]:
        for number in count(1):
            yield Price(number=number)
            await asyncio.sleep(0.5)


class StreamsEndpoint(Endpoint, path="/operators/streams"):
    def __init__(self, app: BaseApp) -> None:
        self._app = app

    async def get(self) -> list[OpenStream]:
        return list(self._app.streams())


class StreamEndpoint(Endpoint, path="/operators/streams/{stream}"):
    def __init__(self, app: BaseApp) -> None:
        self._app = app

    async def delete(self, path: StreamId) -> NoContent:
        if not self._app.stop_stream(path.stream):
            raise NotFound("No stream of this process has that id.")
        return NoContent()


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(PricesEndpoint())
        self._include_endpoint(StreamsEndpoint(self), auth=Operators())
        self._include_endpoint(StreamEndpoint(self), auth=Operators())


app = App()
