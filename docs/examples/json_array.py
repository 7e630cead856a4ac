"""A JSON array, sent element by element, for clients that know JSON but not streams."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

from msgspec import Struct

from jero import BaseApp, Endpoint, JSONArrayStreamingResponse


class Year(Struct):
    year: int


class Invoice(Struct):
    number: int
    due: date
    amount: Decimal


class InvoicesEndpoint(Endpoint, path="/invoices/{year}"):
    async def get(self, path: Year) -> JSONArrayStreamingResponse[Invoice]:
        return JSONArrayStreamingResponse(stream=self._invoices(path.year))

    async def _invoices(self, year: int) -> AsyncIterator[Invoice]:
        months = range(1, 13) if year >= 2024 else ()
        for month in months:
            number, due = year * 100 + month, date(year, month, 15)
            yield Invoice(number=number, due=due, amount=Decimal("19.90"))


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(InvoicesEndpoint())


app = App()
