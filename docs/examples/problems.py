"""Errors with their true status: from a handler, or from a stream before its first byte."""

from collections.abc import AsyncIterator
from typing import ClassVar

from msgspec import Struct

from jero import BaseApp, Endpoint, HTTPError, NDJSONStreamingResponse, NotFound


class SoldOut(HTTPError, type="sold-out", title="Sold out", status=409):
    """Every ticket of the show is sold."""


class Show(Struct):
    show: str


class Ticket(Struct):
    show: str
    seat: int


SEATS = {"matinee": [3, 7], "premiere": []}


class TicketsEndpoint(Endpoint, path="/shows/{show}/tickets"):
    errors: ClassVar = [NotFound, SoldOut]

    async def get(self, path: Show) -> NDJSONStreamingResponse[Ticket]:
        if path.show not in SEATS:
            raise NotFound(f"No show is named {path.show!r}.")
        return NDJSONStreamingResponse(stream=self._tickets(path.show))

    async def _tickets(self, show: str) -> AsyncIterator[Ticket]:
        if not SEATS[show]:
            raise SoldOut("Come back tomorrow.", headers={"Retry-After": "86400"})
        for seat in SEATS[show]:
            yield Ticket(show=show, seat=seat)


class BrokenEndpoint(Endpoint, path="/broken"):
    async def get(self) -> Ticket:
        raise RuntimeError("the password is swordfish")  # logged, and never sent to a client


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(TicketsEndpoint())
        self._include_endpoint(BrokenEndpoint())


app = App()
