"""The client's choice of format, with headers, a status and a last item of your own."""

from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint, Negotiated, ServerSentEvent


class Ship(Struct):
    name: str
    berth: int


class Page(Struct):
    limit: int = 3


class Berths(Struct):
    x_berths: int


SHIPS = [Ship("Aurora", 1), Ship("Borealis", 2), Ship("Caravel", 4)]


class FleetEndpoint(Endpoint, path="/fleet"):
    async def get(self, params: Page) -> Negotiated[Ship, Berths]:
        return Negotiated(
            stream=self._ships(params.limit),
            status_code=200 if params.limit >= len(SHIPS) else 203,
            headers=Berths(x_berths=4),
            last=ServerSentEvent(event="end", data="[DONE]"),
        )

    async def _ships(self, limit: int) -> AsyncIterator[Ship]:
        for ship in SHIPS[:limit]:
            yield ship


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(FleetEndpoint())


app = App()
