"""The source of a run opens what it uses itself, since what belongs to the request is closed by then."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from msgspec import Struct

from jero import Accepted, BaseApp, Endpoint, Negotiated, ServiceUnavailable
from jero.channels import MemoryStore
from jero.runs import Runs


class Row(Struct):
    year: int
    total: int


class Started(Struct):
    id: str


class RunPath(Struct):
    run: str


class Database:
    """Opens sessions. `broken_in`: the year in which reading fails."""

    broken_in = 2013

    @asynccontextmanager
    async def session(self) -> AsyncGenerator["Database", None]:
        try:
            yield self
        except BaseException as error:
            print(f"rolled back: {error}")
            raise
        print("committed")

    async def totals(self, since: int) -> AsyncIterator[Row]:
        for year in range(since, since + 3):
            if year == self.broken_in:
                raise ServiceUnavailable("The database is away.")
            yield Row(year, total=year % 100)


@asynccontextmanager
async def report(database: Database, since: int) -> AsyncGenerator[AsyncIterator[Row], None]:
    async with database.session() as session:  # its own, for as long as the run goes on
        yield session.totals(since)


class Since(Struct):
    since: int


@dataclass
class ReportsEndpoint(Endpoint, path="/reports"):
    runs: Runs[Row]
    database: Database

    async def post(self, json: Since) -> Accepted[Started]:
        run = await self.runs.start(report(self.database, json.since), owner="accounting")
        return Accepted(Started(run.id))


@dataclass
class ReportEndpoint(Endpoint, path="/reports/{run}"):
    runs: Runs[Row]

    async def get(self, path: RunPath) -> Negotiated[Row]:
        return Negotiated(stream=await self.runs.follow(path.run, owner="accounting"))


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        runs = await self._aenter(Runs(store, Row))
        self._include_endpoint(ReportsEndpoint(runs, Database()))
        self._include_endpoint(ReportEndpoint(runs))


app = App()
