"""A request body that is read as it arrives: typed lines, or bytes."""

import hashlib
from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta, Struct

from jero import BaseApp, Endpoint


class Order(Struct):
    sku: str
    count: Annotated[int, Meta(ge=1)]


class Priced(Struct):
    sku: str
    cents: int


class Total(Struct):
    orders: int
    cents: int


class Checksum(Struct):
    size: int
    sha256: str


class OrdersEndpoint(Endpoint, path="/orders"):
    max_line_bytes = 10_000

    async def post(self, items: AsyncIterator[Order]) -> AsyncIterator[Priced]:
        async for order in items:
            yield priced(order)

    async def put(self, items: AsyncIterator[Order]) -> Total:
        total = Total(orders=0, cents=0)
        async for order in items:
            total.orders += 1
            total.cents += priced(order).cents
        return total


class FilesEndpoint(Endpoint, path="/files"):
    async def post(self, content: AsyncIterator[bytes]) -> Checksum:
        size, digest = 0, hashlib.sha256()
        async for part in content:
            size += len(part)
            digest.update(part)
        return Checksum(size, digest.hexdigest())


def priced(order: Order) -> Priced:
    return Priced(order.sku, order.count * len(order.sku) * 100)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(OrdersEndpoint())
        self._include_endpoint(FilesEndpoint())


app = App()
