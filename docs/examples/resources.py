"""Resources that live as long as the application, and a report of every stream's end."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, StreamOutcome, StreamPolicy


class Movie(Struct):
    title: str


class Database:
    async def movies(self) -> AsyncIterator[Movie]:
        for title in ("Metropolis", "Sunrise"):
            yield Movie(title=title)


@asynccontextmanager
async def connected() -> AsyncGenerator[Database, None]:
    print("database connected")
    try:
        yield Database()
    finally:
        print("database closed")


@dataclass
class MoviesEndpoint(Endpoint, path="/movies"):
    database: Database

    async def get(self) -> NDJSONStreamingResponse[Movie]:
        return NDJSONStreamingResponse(stream=self.database.movies())


class App(BaseApp):
    async def _wire(self) -> None:
        database = await self._aenter(connected())  # closed when the server shuts down
        self._include_endpoint(MoviesEndpoint(database))

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        name = f"{outcome.method} {outcome.endpoint}"
        print(f"{name}: {outcome.reason}, {outcome.items} items, {outcome.bytes} bytes")


app = App(stream_policy=StreamPolicy(chunk_bytes=16_384, teardown_timeout=5))
