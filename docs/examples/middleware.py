"""Middleware around an application: pages of another origin may read its streams and its problems."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

from msgspec import Struct
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from jero import BaseApp, Endpoint, SSEResponse


class Tick(Struct):
    number: int


class ClockEndpoint(Endpoint, path="/clock"):
    async def get(self) -> SSEResponse[Tick]:
        return SSEResponse(stream=self._ticks())

    async def _ticks(self) -> AsyncIterator[Tick]:
        for number in count(1):
            yield Tick(number=number)
            await asyncio.sleep(0.5)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "clock.example"])  # the outermost
        self._include_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
        self._include_endpoint(ClockEndpoint())


app = App()
