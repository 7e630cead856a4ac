"""Compressed request bodies: decoded as they arrive, within the limits of the endpoint."""

from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint


class Reading(Struct):
    sensor: str
    celsius: float


class Summary(Struct):
    readings: int
    highest: float


class ReadingsEndpoint(Endpoint, path="/readings"):
    content_encodings = ("gzip", "deflate")
    max_body_bytes = 100_000_000

    async def post(self, items: AsyncIterator[Reading]) -> Summary:
        summary = Summary(readings=0, highest=-273.15)
        async for reading in items:
            summary.readings += 1
            summary.highest = max(summary.highest, reading.celsius)
        return summary


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ReadingsEndpoint())


app = App()
