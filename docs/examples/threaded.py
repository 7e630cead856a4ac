"""A synchronous source: rows of sqlite3, read in the stream's own thread."""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, StreamOutcome

# Stands in for a large table. A negative limit means that all rows are returned.
QUERY = """
    with recursive reading(number) as (select 1 union all select number + 1 from reading limit ?)
    select number, 20 + number % 5 / 10.0 from reading
"""


class Limit(Struct):
    limit: int = -1


class Reading(Struct):
    number: int
    celsius: float


@contextmanager
def connected() -> Generator[sqlite3.Connection, None, None]:
    """Opens a connection. sqlite3 allows only the thread that opened it to use and to close it."""
    connection = sqlite3.connect(":memory:")
    try:
        yield connection
    finally:
        connection.close()
        print("connection closed")


class ReadingsEndpoint(Endpoint, path="/readings"):
    async def get(self, params: Limit) -> NDJSONStreamingResponse[Reading]:
        return NDJSONStreamingResponse(stream=self._readings(params.limit))

    def _readings(self, limit: int) -> Iterator[Reading]:
        with connected() as connection:
            for number, celsius in connection.execute(QUERY, (limit,)):
                yield Reading(number=number, celsius=celsius)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ReadingsEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        print(f"{outcome.endpoint}: {outcome.reason}")


app = App()
