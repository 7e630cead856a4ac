"""The application under test: a stream of every kind, which tells on standard output what becomes of it.

A line is `@ ` and a JSON object with `what` happened, `at` what time (`time.monotonic`, which all processes of
the machine share), to the stream of which `key`, in the process `pid`.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import msgspec
from msgspec import Struct

from jero import (
    BaseApp,
    Conflict,
    Endpoint,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    SSEResponse,
    StreamOutcome,
    StreamPolicy,
)


class Tick(Struct, omit_defaults=True):
    """An item."""

    number: int
    padding: str = ""


class Note(Struct, kw_only=True):
    """What happened."""

    what: str
    key: str = ""
    reason: str = ""
    at: float = msgspec.field(default_factory=monotonic)
    pid: int = msgspec.field(default_factory=os.getpid)


def tell(what: str, *, key: str = "", reason: str = "") -> None:
    """Writes it at once, in one piece, whatever else writes to standard output."""
    os.write(1, b"@ " + msgspec.json.encode(Note(what=what, key=key, reason=reason)) + b"\n")


class Asked(Struct, kw_only=True):
    """What a client asks of a stream. `items`: how many come before the end or the failure."""

    key: str = ""
    items: int = 3
    keepalive: float | None = None
    grace: float | None = None


class Source(Struct, frozen=True):
    """A source's name."""

    source: str


async def idle(asked: Asked) -> AsyncIterator[Tick]:
    """An item, and silence."""
    yield Tick(0)
    await asyncio.get_running_loop().create_future()


async def silent(asked: Asked) -> AsyncIterator[Tick]:
    """Not even an item."""
    await asyncio.get_running_loop().create_future()
    yield Tick(0)


async def busy(asked: Asked) -> AsyncIterator[Tick]:
    """An item every few milliseconds, without end."""
    number = 0
    while True:
        yield Tick(number)
        number += 1
        await asyncio.sleep(0.005)


async def never_pausing(asked: Asked) -> AsyncIterator[Tick]:
    """Items without end and without a pause."""
    number = 0
    while True:
        yield Tick(number)
        number += 1


class Stall:
    """Tells once when a source has not been pulled for a while."""

    def __init__(self, key: str) -> None:
        self.items = 0
        self._seen = 0
        self._key = key
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(0.1, self._look)

    def _look(self) -> None:
        if self.items == self._seen:
            tell("blocked", key=self._key)
            return
        self._seen = self.items
        self._timer = self._loop.call_later(0.1, self._look)

    def cancel(self) -> None:
        """Looks no more."""
        self._timer.cancel()


async def gushing(asked: Asked) -> AsyncIterator[Tick]:
    """Large items without end and without a pause; tells when the client takes no more."""
    stall = Stall(asked.key)
    padding = "x" * 1000
    try:
        while True:
            yield Tick(stall.items, padding)
            stall.items += 1
    finally:
        stall.cancel()


async def finite(asked: Asked) -> AsyncIterator[Tick]:
    """So many items, a moment apart."""
    for number in range(asked.items):
        yield Tick(number)
        await asyncio.sleep(0.01)


async def failing(asked: Asked) -> AsyncIterator[Tick]:
    """So many items, and a failure."""
    for number in range(asked.items):
        yield Tick(number)
        await asyncio.sleep(0.01)
    raise Conflict(detail="The source broke.")


async def reluctant(asked: Asked) -> AsyncIterator[Tick]:
    """A source that takes half a second to close."""
    yield Tick(0)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await asyncio.sleep(0.5)
        tell("closed at leisure", key=asked.key)


async def stuck(asked: Asked) -> AsyncIterator[Tick]:
    """A source that never closes."""
    yield Tick(0)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await asyncio.get_running_loop().create_future()


SOURCES: dict[str, Callable[[Asked], AsyncIterator[Tick]]] = {
    source.__name__: source
    for source in (idle, silent, busy, never_pausing, gushing, finite, failing, reluctant, stuck)
}


async def told(path: Source, asked: Asked) -> AsyncGenerator[AsyncIterable[Tick], StreamOutcome]:
    """The source, and a note when it is opened and when it has been closed."""
    tell("opened", key=asked.key)
    outcome = yield SOURCES[path.source](asked)
    tell("closed", key=asked.key, reason=outcome.reason)


def policy_of(asked: Asked) -> StreamPolicy | None:
    """The application's own unless the client asks for another grace."""
    return None if asked.grace is None else StreamPolicy(first_item_grace=asked.grace)


class Lines(Endpoint, path="/lines/{source}"):
    """A source as NDJSON."""

    async def get(self, path: Source, params: Asked) -> NDJSONStreamingResponse[Tick]:
        return NDJSONStreamingResponse(stream=told(path, params), keepalive=params.keepalive, policy=policy_of(params))


class Events(Endpoint, path="/events/{source}"):
    """A source as server-sent events."""

    async def get(self, path: Source, params: Asked) -> SSEResponse[Tick]:
        return SSEResponse(stream=told(path, params), keepalive=params.keepalive, policy=policy_of(params))


class Array(Endpoint, path="/array/{source}"):
    """A source as a JSON array."""

    async def get(self, path: Source, params: Asked) -> JSONArrayStreamingResponse[Tick]:
        return JSONArrayStreamingResponse(stream=told(path, params), policy=policy_of(params))


class Health(Struct):
    """The process that answers, the bytes of memory that it holds, and its open file descriptors."""

    pid: int
    resident: int
    descriptors: int


class HealthEndpoint(Endpoint, path="/health"):
    """Whether the server answers, and what it holds, on a system with `/proc`."""

    async def get(self) -> Health:
        return health()


def health() -> Health:
    """This process's."""
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Health(os.getpid(), resident, sum(1 for _ in Path("/proc/self/fd").iterdir()))


class Feeds(BaseApp):
    """All of them."""

    @asynccontextmanager
    async def _resource(self) -> AsyncGenerator[None, None]:
        tell("started")
        yield
        tell("stopped")

    async def _wire(self) -> None:
        await self._aenter(self._resource())
        for endpoint in (Lines(), Events(), Array(), HealthEndpoint()):
            self._include_endpoint(endpoint)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        tell("ended", reason=outcome.reason)


app = Feeds()
