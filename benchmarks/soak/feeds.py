"""The soak's application: streams of every kind, failing ones too, and a ledger of their endings."""

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from random import SystemRandom
from time import monotonic
from typing import Any

from msgspec import Struct

from benchmarks.soak.rooms import CONNECTIONS, RoomEndpoint, kind_of_stream, open_rooms, redis_url
from benchmarks.soak.state import Ledger, State
from jero import BaseApp, Endpoint, NDJSONStreamingResponse, SSEResponse, StreamOutcome, StreamPolicy
from jero.channels import MemoryStore, RedisStore
from jero.http.asgi import ASGIApp, Receive, Scope, Send
from jero.responses.streaming import Source

KEEPALIVE = 5.0
SEND_TIMEOUT = 2.0

chance = SystemRandom()


class Item(Struct):
    """An item of some 50 bytes, unless its content cannot be encoded."""

    number: int
    content: Any = "an item of the soak"


class Kind(Struct):
    """The name of a source."""

    kind: str


class Key(Struct):
    """The name of one idle stream."""

    key: str = ""


async def forever() -> None:
    """Waits without end."""
    await asyncio.get_running_loop().create_future()


async def finite() -> AsyncIterator[Item]:
    """Yields some items, with and without pauses."""
    for number in range(chance.randrange(200)):
        yield Item(number)
        if number % 50 == 0:
            await asyncio.sleep(0.001)


async def silent() -> AsyncIterator[Item]:
    """Yields nothing, and never ends."""
    await forever()
    yield Item(0)


async def idle() -> AsyncIterator[Item]:
    """Yields one item, and never ends."""
    yield Item(0)
    await forever()


async def busy() -> AsyncIterator[Item]:
    """Yields an item every few milliseconds."""
    while True:
        yield Item(0)
        await asyncio.sleep(0.003)


async def endless() -> AsyncIterator[Item]:
    """Yields items without a pause."""
    item = Item(0)
    while True:
        yield item


def threaded() -> Iterator[Item]:
    """Yields items without a pause, in a thread."""
    item = Item(0)
    while True:
        yield item


async def failing() -> AsyncIterator[Item]:
    """Raises after some items, or before the first."""
    for number in range(chance.randrange(5)):
        yield Item(number)
        await asyncio.sleep(0.001)
    raise RuntimeError("the source broke")


async def cancelling() -> AsyncIterator[Item]:
    """Raises a cancellation of its own."""
    yield Item(0)
    await asyncio.sleep(0.001)
    raise asyncio.CancelledError


async def unencodable() -> AsyncIterator[Item]:
    """Yields some items, and then one that cannot be encoded."""
    for number in range(chance.randrange(3)):
        yield Item(number)
        await asyncio.sleep(0)
    yield Item(0, object())


async def unclosable() -> AsyncIterator[Item]:
    """Yields an item, waits without end, and raises an error when it is closed."""
    try:
        yield Item(0)
        await forever()
    finally:
        raise RuntimeError("the source did not close")


async def badly_torn_down() -> AsyncGenerator[AsyncIterable[Item], StreamOutcome]:
    """Yields a stream whose teardown fails."""
    yield finite()
    await asyncio.sleep(0)
    raise RuntimeError("the teardown broke")


SOURCES: dict[str, Callable[[], Source[Item]]] = {
    source.__name__: source
    for source in (
        finite,
        silent,
        idle,
        busy,
        endless,
        threaded,
        failing,
        cancelling,
        unencodable,
        unclosable,
        badly_torn_down,
    )
}


@dataclass
class Churned(Endpoint, path="/streams/{kind}"):
    """Streams a source of any kind."""

    ledger: Ledger

    async def get(self, path: Kind) -> NDJSONStreamingResponse[Item]:
        """Sends the source as NDJSON."""
        kind_of_stream.set(path.kind)
        stream = SOURCES[path.kind]()
        self.ledger.open += 1
        return NDJSONStreamingResponse(stream=stream)


@dataclass
class Watched(Endpoint, path="/idle"):
    """An idle stream of events, with pings, whose closing is recorded."""

    ledger: Ledger

    async def _events(self, key: str) -> AsyncGenerator[AsyncIterable[Item], StreamOutcome]:
        yield self._silence()
        if key:
            self.ledger.closings[key] = monotonic()

    async def _silence(self) -> AsyncIterator[Item]:
        yield Item(0)
        await forever()

    async def get(self, params: Key) -> SSEResponse[Item]:
        """Sends the events."""
        kind_of_stream.set("watched")
        self.ledger.open += 1
        return SSEResponse(stream=self._events(params.key), keepalive=KEEPALIVE)


@dataclass
class StateEndpoint(Endpoint, path="/state"):
    """The state of the process."""

    ledger: Ledger

    async def get(self) -> State:
        """Returns the state after a garbage collection."""
        return self.ledger.state()


@dataclass
class Closings(Endpoint, path="/closings"):
    """The times at which the watched streams were closed."""

    ledger: Ledger

    async def get(self) -> dict[str, float]:
        """Returns the times since the last request, by key."""
        closings, self.ledger.closings = self.ledger.closings, {}
        return closings


class Health(Endpoint, path="/health"):
    """A sign that the server answers."""

    async def get(self) -> str:
        """Returns "ok"."""
        return "ok"


class Feeds(BaseApp):
    """The application of all endpoints."""

    def __init__(self) -> None:
        super().__init__(stream_policy=StreamPolicy(send_timeout=SEND_TIMEOUT))
        self.ledger = Ledger()

    async def _wire(self) -> None:
        for endpoint in (Churned, Watched, StateEndpoint, Closings):
            self._include_endpoint(endpoint(self.ledger))
        self._include_endpoint(Health())
        in_memory = await open_rooms(await self._aenter(MemoryStore()))
        on_redis = await open_rooms(await self._aenter(RedisStore(redis_url(), connections=CONNECTIONS)))
        self._include_endpoint(RoomEndpoint({"memory": in_memory, "redis": on_redis}, self.ledger))
        self.ledger.count_rooms = lambda: in_memory.statistics().open + on_redis.statistics().open

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.ledger.end(kind_of_stream.get(), outcome.reason)


class Cancelling:
    """Middleware that cancels the task of a request with the query `cancel=<milliseconds>`, after that time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name, _, milliseconds = scope.get("query_string", b"").partition(b"=")
        if name != b"cancel":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        request = asyncio.ensure_future(self._app(scope, receive, send))
        # Not before the first step of the task: a request that is cancelled there never opens its stream.
        loop.call_soon(lambda: loop.call_later(int(milliseconds) / 1000, request.cancel))
        await asyncio.wait((request,))


def is_news(record: logging.LogRecord) -> bool:
    """Returns whether the record does not report a cut stream, which is how a failed stream has to end."""
    return "returned without completing response" not in record.getMessage()


# A full collection stops the event loop for a tenth of a second if thousands of streams are open. Streams that end are
# freed without a collection, so collections may be rare.
gc.set_threshold(50_000, 20, 100)
logging.getLogger("jero").setLevel(logging.CRITICAL)
logging.getLogger("uvicorn.error").addFilter(is_news)
app = Cancelling(Feeds())
