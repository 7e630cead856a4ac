"""An application whose streams test the test clients."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from msgspec import Struct

from jero import (
    BaseApp,
    BytesResponse,
    Endpoint,
    JSONResponse,
    NDJSONStreamingResponse,
    NotFound,
    ResumeHeaders,
    ServerSentEvent,
    SSEResponse,
    StreamingResponse,
)


class Tick(Struct):
    """An item."""

    number: int


class Record:
    """Records the steps of the application and the items pulled."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.pulled = 0


class Source:
    """Yields ticks without end, and records when it is closed."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def ticks(self) -> AsyncIterator[Tick]:
        """Yields the items."""
        try:
            while True:
                yield Tick(self._record.pulled)
                self._record.pulled += 1
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            self._record.steps.append("closed")

    async def events(self) -> AsyncIterator[ServerSentEvent[Tick]]:
        """Yields the items as events with a type and an id."""
        async for tick in self.ticks():
            yield ServerSentEvent(data=tick, event="tick", id=str(tick.number))


@dataclass
class Ticks(Endpoint, path="/ticks"):
    """Sends the source as NDJSON."""

    source: Source

    async def get(self) -> NDJSONStreamingResponse[Tick]:
        """Returns the items."""
        return NDJSONStreamingResponse(stream=self.source.ticks())


@dataclass
class Events(Endpoint, path="/events"):
    """Sends the source as server-sent events."""

    source: Source

    async def get(self) -> SSEResponse[Tick]:
        """Returns the events."""
        return SSEResponse(stream=self.source.events())


class Broken(Endpoint, path="/broken"):
    """Sends streams that fail after an item."""

    async def _ticks(self) -> AsyncIterator[Tick]:
        yield Tick(0)
        await asyncio.sleep(0)
        raise NotFound("the rest")

    async def get(self) -> SSEResponse[Tick]:
        """Reports the failure in the stream."""
        return SSEResponse(stream=self._ticks())

    async def post(self) -> NDJSONStreamingResponse[Tick]:
        """Cuts the stream."""
        return NDJSONStreamingResponse(stream=self._ticks())


class Silence(Endpoint, path="/silence"):
    """Sends a stream without bytes."""

    async def _nothing(self) -> AsyncIterator[bytes]:
        await asyncio.get_running_loop().create_future()
        yield b""

    async def get(self) -> StreamingResponse:
        """Returns the stream."""
        return StreamingResponse(stream=self._nothing())


class Echo(Endpoint, path="/echo"):
    """Returns the request body."""

    async def post(self, content: bytes) -> BytesResponse:
        """Returns the bytes unchanged."""
        return BytesResponse(content)


class Resumed(Endpoint, path="/resumed"):
    """Answers with the `Last-Event-ID`."""

    async def get(self, headers: ResumeHeaders) -> JSONResponse[str | None]:
        """Returns the id."""
        return JSONResponse(content=headers.last_event_id)


class ResumedEvents(Endpoint, path="/resumed/events"):
    """Sends one event whose id continues the `Last-Event-ID`."""

    async def get(self, headers: ResumeHeaders) -> SSEResponse[str]:
        """Returns the event."""
        seen = headers.last_event_id or ""
        return SSEResponse(stream=[ServerSentEvent(data=seen, id=f"{seen}!")])


class Name(Struct):
    """The media type to send."""

    name: str


class Named(Endpoint, path="/named"):
    """Sends lines under any name."""

    async def get(self, params: Name) -> NDJSONStreamingResponse[Tick]:
        """Returns two items."""
        return NDJSONStreamingResponse(stream=[Tick(1), Tick(2)], raw_headers={"Content-Type": params.name})


class Failing(Endpoint, path="/failing"):
    """Raises before its response."""

    async def get(self) -> str:
        """Raises an unexpected exception."""
        raise LookupError("no such thing")

    async def post(self) -> str:
        """Raises a problem."""
        raise NotFound("this")


async def failing_ticks() -> AsyncIterator[Tick]:
    """Raises in mid-stream."""
    yield Tick(0)
    await asyncio.sleep(0)
    raise LookupError("in mid-stream")


async def ticks_with_a_failing_teardown() -> AsyncIterator[Tick]:
    """Raises when it is closed."""
    try:
        yield Tick(0)
        await asyncio.get_running_loop().create_future()
    finally:
        raise LookupError("of the teardown")


class FailingLines(Endpoint, path="/failing/lines"):
    """Sends lines that break off."""

    async def get(self) -> NDJSONStreamingResponse[Tick]:
        """Returns the stream."""
        return NDJSONStreamingResponse(stream=failing_ticks())


class FailingEvents(Endpoint, path="/failing/events"):
    """Sends events that break off."""

    async def get(self) -> SSEResponse[Tick]:
        """Returns the stream."""
        return SSEResponse(stream=failing_ticks())


class FailingTeardown(Endpoint, path="/failing/teardown"):
    """Sends lines whose source fails when it is closed."""

    async def get(self) -> NDJSONStreamingResponse[Tick]:
        """Returns the stream."""
        return NDJSONStreamingResponse(stream=ticks_with_a_failing_teardown())


class Feeds(BaseApp):
    """Serves all endpoints of this file."""

    def __init__(self) -> None:
        super().__init__()
        self.record = Record()

    @asynccontextmanager
    async def _resource(self) -> AsyncGenerator[None, None]:
        self.record.steps.append("started")
        yield
        self.record.steps.append("stopped")

    async def _wire(self) -> None:
        await self._aenter(self._resource())
        source = Source(self.record)
        endpoints: list[Endpoint] = [Ticks(source), Events(source), Broken(), Silence(), Echo()]
        endpoints += [
            Resumed(),
            ResumedEvents(),
            Named(),
            Failing(),
            FailingLines(),
            FailingEvents(),
            FailingTeardown(),
        ]
        for endpoint in endpoints:
            self._include_endpoint(endpoint)
