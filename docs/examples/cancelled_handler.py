"""A handler that is cancelled when its client leaves, so that nobody computes an answer that nobody reads."""

import asyncio

from msgspec import Struct

from jero import BaseApp, Endpoint


class Region(Struct):
    name: str


class Report(Struct):
    region: str
    orders: int


class ReportEndpoint(Endpoint, path="/reports"):
    cancel_on_disconnect = True

    async def post(self, json: Region) -> Report:
        print(f"counting the orders of {json.name}")
        try:
            return await count_orders(json.name)
        finally:
            print(f"the work for {json.name} has ended")


async def count_orders(region: str) -> Report:
    await asyncio.sleep(0.5 if region == "north" else 600)  # a long query
    return Report(region=region, orders=12)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ReportEndpoint())


app = App()
