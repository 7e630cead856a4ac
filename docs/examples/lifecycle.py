"""A resource that lives as long as a stream: it is closed once, however the stream ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from types import TracebackType
from typing import Literal, Self

from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, StreamOutcome


class Row(Struct):
    number: int


class Cursor:
    async def __aenter__(self) -> Self:
        print("cursor open")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.sleep(0)  # the teardown may wait: it is not cancelled
        print("cursor closed")

    async def rows(self, table: str) -> AsyncIterator[Row]:
        number = 0
        while table != "short" or number < 3:
            number += 1
            yield Row(number=number)
            await asyncio.sleep(0.1)
            if table == "broken":
                raise OSError("the disk is gone")


class Table(Struct):
    table: Literal["short", "endless", "broken"]


class RowsEndpoint(Endpoint, path="/{table}/rows"):
    async def get(self, path: Table) -> NDJSONStreamingResponse[Row]:
        return NDJSONStreamingResponse(stream=self._rows(path.table))

    async def _rows(self, table: str) -> AsyncGenerator[AsyncIterable[Row], StreamOutcome]:
        async with Cursor() as cursor:
            outcome = yield cursor.rows(table)
            print(f"{table}: {outcome.reason}, error: {outcome.error}")


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(RowsEndpoint())


app = App()
