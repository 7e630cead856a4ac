"""Sessions and connections of real databases: committed if a stream completes, rolled back in any other case."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jero import BaseApp, Endpoint, StreamOutcome, StreamPolicy
from jero.errors import UnfinishedBody
from tests.dependencies.postgres import running_postgres
from tests.dependencies.recorded import Call, Record

pytest.importorskip("sqlalchemy")

import aiosqlite
import asyncpg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

SCHEMA = (
    "CREATE TABLE parents (id integer PRIMARY KEY)",
    "INSERT INTO parents VALUES (1)",
    "CREATE TABLE rows (id integer, parent integer REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)",
)
INSERT = "INSERT INTO rows VALUES (1, {parent})"
COUNT = "SELECT count(*) FROM rows"


class Rows:
    """Three rows, each inserted before it is sent. `parent` is 1, unless the commit shall fail."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.parent = 1

    async def inserted(self, execute: Callable[[str], Awaitable[object]]) -> AsyncIterator[int]:
        for number in range(3):
            await execute(INSERT.format(parent=self.parent))
            yield number
            if self.record.holds:
                await execute("SELECT 1")
                self.record.note("holding")
                await self.record.until("never")
            if self.record.source_error is not None:
                raise self.record.source_error


class SessionEndpoint(Endpoint, path="/rows"):
    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    async def post(self, session: AsyncSession) -> AsyncIterator[int]:
        async def execute(statement: str) -> None:
            await session.execute(text(statement))

        async for number in self.rows.inserted(execute):
            yield number

    async def get(self, session: AsyncSession) -> int:
        return int((await session.execute(text(COUNT))).scalar_one())


class Transaction:
    """A connection of asyncpg in a transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection


async def transaction(connection: asyncpg.Connection) -> AsyncIterator[Transaction]:
    async with connection.transaction():
        yield Transaction(connection)


class AsyncpgEndpoint(Endpoint, path="/rows"):
    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    async def post(self, transaction: Transaction) -> AsyncIterator[int]:
        async for number in self.rows.inserted(transaction.connection.execute):
            yield number

    async def get(self, connection: asyncpg.Connection) -> int:
        return int(await connection.fetchval(COUNT))


class PsycopgEndpoint(Endpoint, path="/rows"):
    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    async def post(self, connection: AsyncConnection) -> AsyncIterator[int]:
        async def execute(statement: str) -> None:
            await connection.execute(statement.encode())

        async for number in self.rows.inserted(execute):
            yield number

    async def get(self, connection: AsyncConnection) -> int:
        found = await (await connection.execute(COUNT)).fetchone()
        assert found is not None
        return int(found[0])


class App(BaseApp):
    """Serves one of the endpoints on a database of that kind."""

    def __init__(self, kind: str, url: str) -> None:
        super().__init__(stream_policy=StreamPolicy(chunk_bytes=1, drain_timeout=0.01))
        self.record = Record()
        self.rows = Rows(self.record)
        self.kind = kind
        self.url = url

    async def _wire(self) -> None:
        if self.kind == "asyncpg":
            pool = await self._aenter(asyncpg.create_pool(self.url, min_size=1, max_size=1))
            self._include_dependency(pool.acquire, as_=asyncpg.Connection)
            self._include_dependency(transaction)
            self._include_endpoint(AsyncpgEndpoint(self.rows))
        elif self.kind == "psycopg":
            connections = AsyncConnectionPool(self.url, min_size=1, max_size=1, open=False)
            await self._aenter(connections)
            self._include_dependency(connections.connection)
            self._include_endpoint(PsycopgEndpoint(self.rows))
        else:
            await self._aenter(self._engine())

    @asynccontextmanager
    async def _engine(self) -> AsyncGenerator[None]:
        engine = create_async_engine(self.url)

        @event.listens_for(engine.sync_engine, "connect")
        def check_references(connection: Any, _: object) -> None:
            connection.execute("PRAGMA foreign_keys=ON")

        self._include_dependency(async_sessionmaker(engine).begin)
        self._include_endpoint(SessionEndpoint(self.rows))
        yield
        await engine.dispose()

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.record.outcomes.append(outcome)

    async def ask(self, method: str) -> tuple[Call, BaseException | None]:
        call = Call(self, self.record, "/rows", method).start()
        return call, await call.ended()

    async def count(self) -> int:
        """Returns the number of committed rows, by a request that needs the only connection."""
        call, error = await self.ask("GET")
        assert error is None
        return int(call.body)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlalchemy", "asyncpg", "psycopg"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[App]:
    if request.param == "sqlalchemy":
        async with aiosqlite.connect(tmp_path / "rows.db") as database:
            for statement in SCHEMA:
                await database.execute(statement)
            await database.commit()
        url = f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}"
    else:
        url = request.getfixturevalue("postgres")
        connection = await asyncpg.connect(url)
        for statement in ("DROP TABLE IF EXISTS rows, parents", *SCHEMA):
            await connection.execute(statement)
        await connection.close()
    app = App(request.param, url)
    async with app.lifespan():
        yield app


async def test_a_stream_that_completes_is_committed(app: App) -> None:
    call, error = await app.ask("POST")
    assert error is None
    assert call.has_ended
    assert call.body == b"0\n1\n2\n"
    assert await app.count() == 3


async def test_a_stream_whose_client_leaves_is_rolled_back(app: App) -> None:
    app.record.holds = True
    call = Call(app, app.record, "/rows", "POST").start()
    await app.record.until("holding")
    call.leave()
    await call.ended()
    assert app.record.outcomes[0].reason == "disconnected"
    assert await app.count() == 0


async def test_a_stream_whose_source_fails_is_rolled_back(app: App) -> None:
    app.record.source_error = ValueError("lost")
    call, error = await app.ask("POST")
    assert isinstance(error, UnfinishedBody)
    assert call.body == b"0\n"
    assert await app.count() == 0


async def test_a_stream_that_a_shutdown_ends_is_rolled_back(app: App) -> None:
    app.record.holds = True
    call = Call(app, app.record, "/rows", "POST").start()
    await app.record.until("holding")
    await app.drain()
    await call.ended()
    assert app.record.outcomes[0].reason == "shutdown"
    assert await app.count() == 0


async def test_a_commit_that_fails_cuts_the_stream(app: App) -> None:
    app.rows.parent = 2
    call, error = await app.ask("POST")
    assert isinstance(error, UnfinishedBody)
    assert call.body == b"0\n1\n2\n"
    assert not call.has_ended
    assert "foreign key" in str(app.record.outcomes[0].error).lower()
    assert await app.count() == 0
