"""An application with the streams that the clients are tested on."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from msgspec import Struct

from jero import (
    BaseApp,
    BytesResponse,
    Endpoint,
    NDJSONStreamingResponse,
    NotFound,
    ServerSentEvent,
    SSEResponse,
    StreamingResponse,
)


class Tick(Struct):
    """An item."""

    number: int


class Record:
    """What the application did."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.pulled = 0


class Source:
    """Ticks without end, and a note when they are closed."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def ticks(self) -> AsyncIterator[Tick]:
        """The items."""
        try:
            while True:
                yield Tick(self._record.pulled)
                self._record.pulled += 1
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            self._record.steps.append("closed")

    async def events(self) -> AsyncIterator[ServerSentEvent[Tick]]:
        """The same, with name and id."""
        async for tick in self.ticks():
            yield ServerSentEvent(data=tick, event="tick", id=str(tick.number))


@dataclass
class Ticks(Endpoint, path="/ticks"):
    """The source as JSON lines."""

    source: Source

    async def get(self) -> NDJSONStreamingResponse[Tick]:
        """The items."""
        return NDJSONStreamingResponse(stream=self.source.ticks())


@dataclass
class Events(Endpoint, path="/events"):
    """The source as server-sent events."""

    source: Source

    async def get(self) -> SSEResponse[Tick]:
        """The events."""
        return SSEResponse(stream=self.source.events())


class Broken(Endpoint, path="/broken"):
    """Streams that fail after an item."""

    async def _ticks(self) -> AsyncIterator[Tick]:
        yield Tick(0)
        await asyncio.sleep(0)
        raise NotFound("the rest")

    async def get(self) -> SSEResponse[Tick]:
        """Tells of it."""
        return SSEResponse(stream=self._ticks())

    async def post(self) -> NDJSONStreamingResponse[Tick]:
        """Cannot tell of it."""
        return NDJSONStreamingResponse(stream=self._ticks())


class Silence(Endpoint, path="/silence"):
    """A stream that says nothing."""

    async def _nothing(self) -> AsyncIterator[bytes]:
        await asyncio.get_running_loop().create_future()
        yield b""

    async def get(self) -> StreamingResponse:
        """Bytes, were there any."""
        return StreamingResponse(stream=self._nothing())


class Echo(Endpoint, path="/echo"):
    """Gives back what it was sent."""

    async def post(self, content: bytes) -> BytesResponse:
        """As it came."""
        return BytesResponse(content)


class Feeds(BaseApp):
    """All of them."""

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
        for endpoint in (Ticks(source), Events(source), Broken(), Silence(), Echo()):
            self._include_endpoint(endpoint)
