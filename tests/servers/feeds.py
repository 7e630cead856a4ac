"""The application under test: streams of every kind, which report on standard output what happens to them.

A report is a line of `@ ` and a `Note` as JSON: `what` happened, `at` which time (`time.monotonic`, which all processes
of the machine share), to the stream with this `key`, in the process `pid`.
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
    Cookie,
    Endpoint,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    NoContent,
    ResumeHeaders,
    ServerSentEvent,
    SSEResponse,
    StreamOutcome,
    StreamPolicy,
)


class Tick(Struct, omit_defaults=True):
    """An item."""

    number: int
    padding: str = ""


class Note(Struct, kw_only=True):
    """An event in the life of a stream or of the application."""

    what: str
    key: str = ""
    reason: str = ""
    at: float = msgspec.field(default_factory=monotonic)
    pid: int = msgspec.field(default_factory=os.getpid)


def report(what: str, *, key: str = "", reason: str = "") -> None:
    """Writes a note in one piece, so that other output cannot come between its bytes."""
    os.write(1, b"@ " + msgspec.json.encode(Note(what=what, key=key, reason=reason)) + b"\n")


class Query(Struct, kw_only=True):
    """The parameters of a stream. `items`: how many come before the end or the failure."""

    key: str = ""
    items: int = 3
    keepalive: float | None = None
    grace: float | None = None


class Source(Struct, frozen=True):
    """The name of a source."""

    source: str


async def idle(query: Query) -> AsyncIterator[Tick]:
    """Yields one item, then waits for ever."""
    yield Tick(0)
    await asyncio.get_running_loop().create_future()


async def silent(query: Query) -> AsyncIterator[Tick]:
    """Waits for ever without an item."""
    await asyncio.get_running_loop().create_future()
    yield Tick(0)


async def busy(query: Query) -> AsyncIterator[Tick]:
    """Yields an item every few milliseconds, for ever."""
    number = 0
    while True:
        yield Tick(number)
        number += 1
        await asyncio.sleep(0.005)


async def never_pausing(query: Query) -> AsyncIterator[Tick]:
    """Yields items for ever without a pause."""
    number = 0
    while True:
        yield Tick(number)
        number += 1


class Stall:
    """Reports once that a source has not been pulled for a while."""

    def __init__(self, key: str) -> None:
        self.items = 0
        self._seen = 0
        self._key = key
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(0.1, self._look)

    def _look(self) -> None:
        if self.items == self._seen:
            report("blocked", key=self._key)
            return
        self._seen = self.items
        self._timer = self._loop.call_later(0.1, self._look)

    def cancel(self) -> None:
        """Stops looking."""
        self._timer.cancel()


async def gushing(query: Query) -> AsyncIterator[Tick]:
    """Yields large items for ever without a pause. Reports when the client takes no more."""
    stall = Stall(query.key)
    padding = "x" * 1000
    try:
        while True:
            yield Tick(stall.items, padding)
            stall.items += 1
    finally:
        stall.cancel()


async def finite(query: Query) -> AsyncIterator[Tick]:
    """Yields `items` items with short pauses."""
    for number in range(query.items):
        yield Tick(number)
        await asyncio.sleep(0.01)


async def failing(query: Query) -> AsyncIterator[Tick]:
    """Yields `items` items with short pauses, then fails."""
    for number in range(query.items):
        yield Tick(number)
        await asyncio.sleep(0.01)
    raise Conflict(detail="The source broke.")


async def failing_at_once(query: Query) -> AsyncIterator[Tick]:
    """Yields `items` items without a pause, then fails."""
    for number in range(query.items):
        yield Tick(number)
    raise Conflict(detail="The source broke.")


async def expiring(query: Query) -> AsyncIterator[Tick]:
    """Yields `items` items, then waits for ever. Its stream ends after half a second."""
    for number in range(query.items):
        yield Tick(number)
    await asyncio.get_running_loop().create_future()


async def reluctant(query: Query) -> AsyncIterator[Tick]:
    """Yields one item. Takes half a second to close."""
    yield Tick(0)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await asyncio.sleep(0.5)
        report("closed slowly", key=query.key)


async def stuck(query: Query) -> AsyncIterator[Tick]:
    """Yields one item. Never finishes closing."""
    yield Tick(0)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await asyncio.get_running_loop().create_future()


SOURCES: dict[str, Callable[[Query], AsyncIterator[Tick]]] = {
    source.__name__.replace("_", "-"): source
    for source in (
        idle,
        silent,
        busy,
        never_pausing,
        gushing,
        finite,
        failing,
        failing_at_once,
        expiring,
        reluctant,
        stuck,
    )
}


async def reported(path: Source, query: Query) -> AsyncGenerator[AsyncIterable[Tick], StreamOutcome]:
    """Opens a source. Reports when it is opened and when it has been closed."""
    report("opened", key=query.key)
    outcome = yield SOURCES[path.source](query)
    report("closed", key=query.key, reason=outcome.reason)


def policy_of(path: Source, query: Query) -> StreamPolicy | None:
    """Returns a policy with the grace that the client asks for, or `None` for the application's policy."""
    if path.source == "expiring":
        return StreamPolicy(max_duration=0.5)
    return None if query.grace is None else StreamPolicy(first_item_grace=query.grace)


class Lines(Endpoint, path="/lines/{source}"):
    """Streams a source as NDJSON."""

    async def get(self, path: Source, params: Query) -> NDJSONStreamingResponse[Tick]:
        return NDJSONStreamingResponse(
            stream=reported(path, params), keepalive=params.keepalive, policy=policy_of(path, params)
        )


class Events(Endpoint, path="/events/{source}"):
    """Streams a source as server-sent events."""

    async def get(self, path: Source, params: Query) -> SSEResponse[Tick]:
        return SSEResponse(stream=reported(path, params), keepalive=params.keepalive, policy=policy_of(path, params))


class Array(Endpoint, path="/array/{source}"):
    """Streams a source as a JSON array."""

    async def get(self, path: Source, params: Query) -> JSONArrayStreamingResponse[Tick]:
        return JSONArrayStreamingResponse(stream=reported(path, params), policy=policy_of(path, params))


class Health(Struct):
    """A process: its id, its resident memory in bytes, and the number of its open file descriptors."""

    pid: int
    resident: int
    descriptors: int


class HealthEndpoint(Endpoint, path="/health"):
    """Answers with the health of the process, on a system with `/proc`."""

    async def get(self) -> Health:
        return health()


def health() -> Health:
    """Returns the health of this process."""
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Health(os.getpid(), resident, sum(1 for _ in Path("/proc/self/fd").iterdir()))


class Resumed(Endpoint, path="/resumed"):
    """Answers with the `Last-Event-ID`."""

    async def get(self, headers: ResumeHeaders) -> JSONResponse[str | None]:
        return JSONResponse(content=headers.last_event_id)


class ResumedEvents(Endpoint, path="/resumed/events"):
    """Sends an event whose id continues the `Last-Event-ID`, twice."""

    async def get(self, headers: ResumeHeaders) -> SSEResponse[str] | NoContent:
        seen = headers.last_event_id or ""
        if seen.endswith("!!"):
            return NoContent()
        return SSEResponse(stream=[ServerSentEvent(data=seen, id=f"{seen}!")])


class Kept(Struct):
    """The value of a cookie."""

    value: str


class Cookies(Endpoint, path="/cookie"):
    """Sets a cookie, and answers with it."""

    async def post(self, params: Kept) -> NoContent:
        return NoContent(cookies=[Cookie(name="value", value=params.value)])

    async def get(self, cookies: Kept) -> JSONResponse[str]:
        return JSONResponse(content=cookies.value)


class Working(Endpoint, path="/working"):
    """Answers after `params.grace` seconds, or never, unless its client leaves first."""

    cancel_on_disconnect = True

    async def get(self, params: Query) -> str:
        return await self._work(params)

    async def post(self, params: Query, json: Tick) -> str | NDJSONStreamingResponse[Tick]:
        if json.number == 0:
            return await self._work(params)
        return NDJSONStreamingResponse(stream=reported(Source("idle"), params))

    async def _work(self, params: Query) -> str:
        report("opened", key=params.key)
        try:
            await asyncio.sleep(3600 if params.grace is None else params.grace)
        except asyncio.CancelledError:
            report("closed", key=params.key, reason="cancelled")
            raise
        report("closed", key=params.key, reason="returned")
        return params.key


class Feeds(BaseApp):
    """The application with all feeds."""

    @asynccontextmanager
    async def _resource(self) -> AsyncGenerator[None, None]:
        report("started")
        yield
        report("stopped")

    async def _wire(self) -> None:
        await self._aenter(self._resource())
        endpoints: list[Endpoint] = [
            Lines(),
            Events(),
            Array(),
            HealthEndpoint(),
            Resumed(),
            ResumedEvents(),
            Cookies(),
            Working(),
        ]
        for endpoint in endpoints:
            self._include_endpoint(endpoint)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        report("ended", reason=outcome.reason)


app = Feeds()
