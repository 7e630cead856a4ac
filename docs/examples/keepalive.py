"""Keeping idle streams alive: a doorbell that may be silent for hours."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import Struct

from jero import (
    BaseApp,
    Endpoint,
    NDJSONStreamingResponse,
    NoContent,
    SSEResponse,
    StreamPolicy,
)


class Ring(Struct, tag="ring"):
    number: int


class Pulse(Struct, tag="pulse"):
    """Shows that the connection is open, and nothing else."""


class Bell:
    def __init__(self) -> None:
        self._rings = 0
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rings += 1
        self._rung.set()
        self._rung = asyncio.Event()

    async def listen(self) -> AsyncIterator[Ring]:
        heard = self._rings
        while True:
            while heard < self._rings:
                heard += 1
                yield Ring(number=heard)
            await self._rung.wait()


class BellEndpoint(Endpoint, path="/bell"):
    def __init__(self, bell: Bell) -> None:
        self._bell = bell

    async def get(self) -> SSEResponse[Ring]:
        """Sends `: ping` after each silent second. Readers ignore it."""
        return SSEResponse(stream=self._bell.listen(), keepalive=1)

    async def post(self) -> NoContent:
        self._bell.ring()
        return NoContent()


class BellLinesEndpoint(Endpoint, path="/bell.ndjson"):
    stream_policy = StreamPolicy(first_item_grace=0.1)  # as an SSEResponse has it

    def __init__(self, bell: Bell) -> None:
        self._bell = bell

    async def get(self) -> NDJSONStreamingResponse[Ring | Pulse]:
        """Sends an item as the ping, for a client that wants to see it."""
        return NDJSONStreamingResponse(stream=self._bell.listen(), keepalive=1, ping=Pulse())


class App(BaseApp):
    async def _wire(self) -> None:
        bell = Bell()
        self._include_endpoint(BellEndpoint(bell))
        self._include_endpoint(BellLinesEndpoint(bell))


app = App()
