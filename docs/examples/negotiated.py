"""One handler, every format: the client's Accept header chooses the format."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint, NoContent


class Ship(Struct):
    name: str
    berth: int


class Page(Struct):
    limit: int = 3


SHIPS = [Ship("Aurora", 1), Ship("Borealis", 2), Ship("Caravel", 4)]


class ShipsEndpoint(Endpoint, path="/ships"):
    async def get(self, params: Page) -> AsyncIterator[Ship]:
        for ship in SHIPS[: params.limit]:
            yield ship
            await asyncio.sleep(0.01)


class ArrivalsEndpoint(Endpoint, path="/arrivals"):
    async def get(self, params: Page) -> AsyncIterator[Ship] | NoContent:
        if params.limit == 0:
            return NoContent()
        return self._arrivals(params.limit)

    async def _arrivals(self, limit: int) -> AsyncIterator[Ship]:
        for ship in SHIPS[:limit]:
            yield ship


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ShipsEndpoint())
        self._include_endpoint(ArrivalsEndpoint())


app = App()
