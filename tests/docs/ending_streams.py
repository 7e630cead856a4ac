"""Serves a stream in each format that ends in each way, and prints what its source and the logs see of that."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from jero import (
    APIKeyAuth,
    BaseApp,
    Endpoint,
    EventStreamResponse,
    Expiring,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    NoContent,
    SSEResponse,
    StreamingResponse,
    StreamPolicy,
)

POLICIES = {
    "expire": StreamPolicy(max_duration=0.3),
    "flood": StreamPolicy(send_timeout=0.3),
    "shutdown": StreamPolicy(drain_timeout=0.3),
}
# No buffer of a socket takes many of these.
LARGE = 262_144


class Way(Struct):
    """Names how the source goes on after two items.

    It ends (`complete`), raises (`fail`), never pauses (`flood`), or waits for ever (any other word). After `nothing-`
    it does so before its first item.
    """

    way: str

    @property
    def policy(self) -> StreamPolicy | None:
        return POLICIES.get(self.way.removeprefix("nothing-"))


def note(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def items(name: str, way: str, item: Any) -> AsyncIterator[Any]:
    try:
        if not way.startswith("nothing"):
            yield item
            yield item
            await asyncio.sleep(0)
        while way == "flood":
            yield item * LARGE
        if way.endswith("fail"):
            raise OSError("the disk is gone")
        if way != "complete":
            note(f"{name}: waits")
            await asyncio.Event().wait()
    except BaseException as error:
        note(f"{name}: source: {type(error).__name__}")
        raise
    note(f"{name}: source: -")


@asynccontextmanager
async def opened(name: str, way: str, item: Any = "1") -> AsyncGenerator[AsyncIterator[Any], None]:
    try:
        yield items(name, way, item)
    except BaseException as error:
        note(f"{name}: manager: {type(error).__name__}")
        raise
    note(f"{name}: manager: -")


class NDJSON(Endpoint, path="/NDJSON/{way}"):
    async def get(self, path: Way) -> NDJSONStreamingResponse[str]:
        return NDJSONStreamingResponse(stream=opened("NDJSON", path.way), policy=path.policy)


class Array(Endpoint, path="/Array/{way}"):
    async def get(self, path: Way) -> JSONArrayStreamingResponse[str]:
        return JSONArrayStreamingResponse(stream=opened("Array", path.way), policy=path.policy)


class SSE(Endpoint, path="/SSE/{way}"):
    async def get(self, path: Way) -> SSEResponse[str]:
        return SSEResponse(stream=opened("SSE", path.way), policy=path.policy)


class Events(Endpoint, path="/Events/{way}"):
    async def get(self, path: Way) -> EventStreamResponse[str]:
        return EventStreamResponse(stream=opened("Events", path.way), policy=path.policy)


class Raw(Endpoint, path="/Raw/{way}"):
    async def get(self, path: Way) -> StreamingResponse:
        return StreamingResponse(stream=opened("Raw", path.way, b"1\n"), policy=path.policy)


class Sessions(APIKeyAuth[Expiring[str]], header="X-Session"):
    """Knows everybody, for a moment."""

    async def verify(self, key: str) -> Expiring[str]:
        return Expiring(key, datetime.now(UTC) + timedelta(seconds=0.6))


class StopEndpoint(Endpoint, path="/stop"):
    def __init__(self, app: BaseApp) -> None:
        self._app = app

    async def post(self) -> NoContent:
        for stream in self._app.streams():
            self._app.stop_stream(stream.id)
        return NoContent()


class MarkEndpoint(Endpoint, path="/mark"):
    async def post(self) -> NoContent:
        note("mark")
        return NoContent()


class App(BaseApp):
    async def _wire(self) -> None:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(OneLine())
        logging.getLogger("jero.streams").addHandler(handler)
        logging.getLogger("jero.streams").setLevel(logging.INFO)
        for endpoint in (NDJSON(), Array(), SSE(), Events(), Raw()):
            self._include_endpoint(endpoint)
            self._include_endpoint(endpoint, path=f"/credentials/{type(endpoint).__name__}/{{way}}", auth=Sessions())
        self._include_endpoint(StopEndpoint(self))
        self._include_endpoint(MarkEndpoint())


class OneLine(logging.Formatter):
    """Writes a record as one line, which also says whether there is a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        with_traceback = ", with a traceback" if record.exc_info else ""
        return f"log: {record.levelname}: {record.getMessage()}{with_traceback}"


app = App()
