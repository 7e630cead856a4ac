"""Clients of the shop: they place orders, follow them, and ask whether the shop is ready."""

from contextlib import aclosing
from typing import Final

import httpx
from anyio import Event
from msgspec import Struct

from jero.client import Reconnection, StreamClient
from tests.docs.program import PATIENCE

# Comes back sooner than the server asks for.
SOON: Final = Reconnection(delay=0.1, longest_delay=0.2, longest_wait=0.1, attempts=None)


class Order(Struct):
    item: str


def place(url: str, item: str) -> str:
    """Places an order, and returns its id."""
    answer = httpx.post(f"{url}/orders", json={"item": item}, timeout=PATIENCE, trust_env=False)
    assert answer.status_code == 201
    return str(answer.json()["id"])


async def status_of_ready(url: str) -> int:
    """Returns the status of a request whose connection is new."""
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as client:
        return (await client.get("/ready")).status_code


class Reader:
    """A client that follows the orders after an id, and comes back to them. `items`: the orders that it received."""

    def __init__(self, url: str, after: str) -> None:
        self.items: list[str] = []
        self.has_begun = Event()
        self._url = url
        self._headers = {"Last-Event-ID": after}

    async def read_until(self, last: str) -> None:
        async with StreamClient(self._url, reconnection=SOON, trust_env=False) as client:
            events = client.sse("/orders", Order, headers=self._headers)
            async with aclosing(events):
                async for event in events:
                    assert isinstance(event.data, Order), event
                    self.items.append(event.data.item)
                    self.has_begun.set()
                    if event.data.item == last:
                        return
