"""A connection of aiosqlite for each request, as the table of libraries on the page of dependencies says."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import aiosqlite
import pytest

from jero import BaseApp, Endpoint
from jero.testing import TestClient


class Rows(Endpoint, path="/rows"):
    def __init__(self) -> None:
        self.used = list[aiosqlite.Connection]()

    async def get(self, connection: aiosqlite.Connection) -> AsyncIterator[int]:
        self.used.append(connection)
        async with connection.execute("select 1 union select 2") as cursor:
            async for (number,) in cursor:
                yield number


class App(BaseApp):
    def __init__(self) -> None:
        super().__init__()
        self.rows = Rows()

    async def _wire(self) -> None:
        self._include_dependency(self._connection)
        self._include_endpoint(self.rows)

    def _connection(self) -> AbstractAsyncContextManager[aiosqlite.Connection]:
        return aiosqlite.connect(":memory:")


def test_each_request_has_a_connection_which_is_closed_at_its_end() -> None:
    app = App()
    with TestClient(app) as client:
        assert [client.get("/rows").text for _ in range(2)] == ["1\n2\n"] * 2
    first, second = app.rows.used
    assert first is not second
    for connection in (first, second):
        with pytest.raises(ValueError, match="no active connection"):
            _ = connection.in_transaction
