"""Server-sent events, the short way: each item is the data of one event."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from msgspec import Struct

from jero import BaseApp, Endpoint, SSEResponse


class Tick(Struct):
    at: datetime


class ClockEndpoint(Endpoint, path="/clock"):
    async def get(self) -> SSEResponse[Tick]:
        return SSEResponse(stream=self._ticks())

    async def _ticks(self) -> AsyncIterator[Tick]:
        while True:
            yield Tick(at=datetime.now(UTC))
            await asyncio.sleep(0.5)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ClockEndpoint())


app = App()
