"""Errors in mid-stream: what the client sees by default, and how to send it more."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import Struct

from jero import (
    BaseApp,
    Endpoint,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    ServiceUnavailable,
    SSEResponse,
)


class Reading(Struct, tag="reading"):
    celsius: int


class Fault(Struct, tag="fault"):
    text: str


async def readings() -> AsyncIterator[Reading]:
    yield Reading(celsius=900)
    yield Reading(celsius=940)
    await asyncio.sleep(0.1)
    raise ServiceUnavailable("The kiln's sensor melted.")


class CutEndpoint(Endpoint, path="/cut"):
    """Sends nothing more and drops the connection: a cut transfer."""

    async def get(self) -> NDJSONStreamingResponse[Reading]:
        return NDJSONStreamingResponse(stream=readings())


class ArrayEndpoint(Endpoint, path="/array"):
    """Closes the array, so that what came parses. The transfer is cut nevertheless."""

    async def get(self) -> JSONArrayStreamingResponse[Reading]:
        return JSONArrayStreamingResponse(stream=readings(), close_on_error=True)


class EventsEndpoint(Endpoint, path="/events"):
    """Sends `event: error` with a problem as its data. Then the transfer is complete."""

    async def get(self) -> SSEResponse[Reading]:
        return SSEResponse(stream=readings())


class ToldEndpoint(Endpoint, path="/told"):
    """Sends the error as a last item. The client knows of the failure, so the transfer is complete."""

    async def get(self) -> NDJSONStreamingResponse[Reading | Fault]:
        return NDJSONStreamingResponse(stream=readings())

    async def on_stream_error(self, error: Exception) -> Fault | None:
        return Fault(text=str(error)) if isinstance(error, ServiceUnavailable) else None


class App(BaseApp):
    async def _wire(self) -> None:
        for endpoint in (CutEndpoint(), ArrayEndpoint(), EventsEndpoint(), ToldEndpoint()):
            self._include_endpoint(endpoint)


app = App()
