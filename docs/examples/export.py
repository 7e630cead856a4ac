"""An export of a table: it can be resumed after any row, and its last line proves that it is whole."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, StreamOutcome, StreamPolicy


class Order(Struct, tag="order"):
    number: int
    cents: int


class End(Struct, tag="end"):
    orders: int


class Start(Struct):
    after: int = 0


class Download(Struct):
    content_disposition: str = 'attachment; filename="orders.ndjson"'


def end(outcome: StreamOutcome) -> End:
    return End(orders=outcome.items)


@dataclass
class OrdersEndpoint(Endpoint, path="/orders"):
    database: Path

    stream_policy = StreamPolicy(max_concurrent=20, send_timeout=30)

    async def get(self, params: Start) -> NDJSONStreamingResponse[Order | End, Download]:
        return NDJSONStreamingResponse(stream=self._orders(params.after), last=end, headers=Download())

    def _orders(self, after: int) -> Iterator[Order]:
        with closing(sqlite3.connect(self.database)) as connection:
            query = "select number, cents from orders where number > ? order by number"
            rows = connection.execute(query, (after,))
            while some := rows.fetchmany(1_000):
                for number, cents in some:
                    yield Order(number, cents)


class App(BaseApp):
    async def _wire(self) -> None:
        database = Path(self._enter(TemporaryDirectory())) / "orders.db"
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("create table orders (number integer primary key, cents integer not null)")
            connection.executemany("insert into orders values (?, ?)", ((n, n % 997) for n in range(1, 100_001)))
        self._include_endpoint(OrdersEndpoint(database))


app = App()
