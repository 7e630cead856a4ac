"""The application of the matrix: every ending in every format; alone, in FastAPI, and with a middleware."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable

from fastapi import FastAPI, Request, Response
from msgspec import Struct
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint

from jero import (
    BaseApp,
    Conflict,
    Endpoint,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    SSEResponse,
    StreamingResponse,
    StreamOutcome,
    StreamPolicy,
)
from tests.servers.feeds import report

ITEMS = 3
LARGE = 100_000
# A completed stream ends with a burst, so that a lost tail shows.
BURST = 200
BURST_ITEM = 2_000
# More than all buffers between a server and its client hold, and little enough for a server that has no bound.
FLOOD = 32_000_000
FLOOD_ITEM = 50_000
MAX_DURATION = 1.0
SEND_TIMEOUT = 0.7
DRAIN_TIMEOUT = 0.7


class Tick(Struct, omit_defaults=True):
    """An item."""

    number: int
    padding: str = ""


class Query(Struct):
    """The parameters of a stream: the key of its notes."""

    key: str


class Source(Struct, frozen=True):
    """The ending of a stream, which is the name of its source."""

    ending: str


def three_items() -> list[Tick]:
    """Returns the items that come before an ending. The last is large."""
    return [Tick(0), Tick(1), Tick(2, "x" * LARGE)]


def burst() -> list[Tick]:
    """Returns the items that come at the end of a completed stream."""
    return [Tick(ITEMS + number, "y" * BURST_ITEM) for number in range(BURST)]


async def slowly(items: list[Tick]) -> AsyncIterator[Tick]:
    """Yields the items with short pauses."""
    for item in items:
        yield item
        await asyncio.sleep(0.01)


async def completed(query: Query) -> AsyncIterator[Tick]:
    """Yields all items, and ends."""
    async for item in slowly(three_items()):
        yield item
    for item in burst():
        yield item


async def failed_early(query: Query) -> AsyncIterator[Tick]:
    """Fails before the first item."""
    async for item in slowly([]):
        yield item
    raise Conflict(detail="The source broke.")


async def failed_late(query: Query) -> AsyncIterator[Tick]:
    """Yields three items, then fails."""
    async for item in slowly(three_items()):
        yield item
    raise Conflict(detail="The source broke.")


async def idle(query: Query) -> AsyncIterator[Tick]:
    """Yields three items, then waits for ever."""
    async for item in slowly(three_items()):
        yield item
    await asyncio.get_running_loop().create_future()


async def stalled(query: Query) -> AsyncIterator[Tick]:
    """Yields more than a client that does not read can take. Reports if all of it was taken."""
    padding = "x" * FLOOD_ITEM
    for number in range(FLOOD // FLOOD_ITEM):
        yield Tick(number, padding)
    report("flooded", key=query.key)
    await asyncio.get_running_loop().create_future()


SOURCES: dict[str, Callable[[Query], AsyncIterator[Tick]]] = {
    "completed": completed,
    "failed early": failed_early,
    "failed late": failed_late,
    "expired": idle,
    "stalled": stalled,
    "shutdown": idle,
}
POLICIES = {
    "failed early": StreamPolicy(first_item_grace=5),
    "expired": StreamPolicy(max_duration=MAX_DURATION),
    "stalled": StreamPolicy(send_timeout=SEND_TIMEOUT),
    "shutdown": StreamPolicy(drain_timeout=DRAIN_TIMEOUT),
}


async def reported(path: Source, query: Query) -> AsyncGenerator[AsyncIterable[Tick], StreamOutcome]:
    """Opens the source of an ending. Reports how the stream has ended."""
    outcome = yield SOURCES[path.ending](query)
    report("closed", key=query.key, reason=outcome.reason)


async def raw(path: Source, query: Query) -> AsyncGenerator[AsyncIterable[bytes], StreamOutcome]:
    """Opens the same source, with lines of text as items."""
    outcome = yield (raw_item(item) async for item in SOURCES[path.ending](query))
    report("closed", key=query.key, reason=outcome.reason)


def raw_item(item: Tick) -> bytes:
    """Returns an item as a line of text."""
    return f"{item.number} {item.padding}\n".encode()


class Lines(Endpoint, path="/lines/{ending}"):
    """Streams NDJSON."""

    async def get(self, path: Source, params: Query) -> NDJSONStreamingResponse[Tick]:
        return NDJSONStreamingResponse(stream=reported(path, params), policy=POLICIES.get(path.ending))


class Array(Endpoint, path="/array/{ending}"):
    """Streams a JSON array."""

    async def get(self, path: Source, params: Query) -> JSONArrayStreamingResponse[Tick]:
        return JSONArrayStreamingResponse(stream=reported(path, params), policy=POLICIES.get(path.ending))


class Events(Endpoint, path="/events/{ending}"):
    """Streams server-sent events."""

    async def get(self, path: Source, params: Query) -> SSEResponse[Tick]:
        return SSEResponse(stream=reported(path, params), policy=POLICIES.get(path.ending))


class Raw(Endpoint, path="/raw/{ending}"):
    """Streams bytes."""

    async def get(self, path: Source, params: Query) -> StreamingResponse:
        return StreamingResponse(stream=raw(path, params), policy=POLICIES.get(path.ending))


class Feeds(BaseApp):
    """The application with all formats."""

    async def _wire(self) -> None:
        for endpoint in (Lines(), Array(), Events(), Raw()):
            self._include_endpoint(endpoint)


app = Feeds()


async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Adds a header, as the middleware of many applications does."""
    response = await call_next(request)
    response.headers["X-Passed"] = "yes"
    return response


class Including(Feeds):
    """The application with a middleware of Starlette's class that most use."""

    async def _wire(self) -> None:
        self._include_middleware(BaseHTTPMiddleware, dispatch=pass_on)
        await super()._wire()


included = Including()
mounted = Feeds()
inside = FastAPI(lifespan=lambda _: mounted.lifespan())
inside.middleware("http")(pass_on)
inside.mount("/", mounted)
