"""The application under test: it answers the rows of a request body one by one, while they arrive."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import Struct

from jero import BaseApp, Endpoint, StreamOutcome
from tests.servers.feeds import report


class Row(Struct):
    """An item of the request body."""

    id: int
    name: str
    price: float


class Answer(Struct):
    """The answer to a row, an item of the response."""

    id: int
    total: float


class Query(Struct):
    """`stop_after`: the number of rows to read, 0 for all."""

    stop_after: int = 0


class PipelineEndpoint(Endpoint, path="/pipeline"):
    """Streams an answer for each row, or counts the rows."""

    async def post(self, items: AsyncIterator[Row], params: Query) -> AsyncIterator[Answer]:
        rows = 0
        async for row in items:
            yield Answer(row.id, row.price * 2)
            rows += 1
            if rows == params.stop_after:
                return

    async def put(self, items: AsyncIterator[Row], params: Query) -> int:
        rows = 0
        async for _ in items:
            rows += 1
            if rows == params.stop_after:
                break
        return rows

    async def patch(self, items: AsyncIterator[Row]) -> str:
        return "not read"


class BytesEndpoint(Endpoint, path="/bytes"):
    async def post(self, content: AsyncIterator[bytes]) -> int:
        return sum([len(part) async for part in content])


class MemoryEndpoint(Endpoint, path="/memory"):
    """Returns the peak memory of the process in KiB, as Linux counts it. Other systems include the parent's."""

    async def get(self) -> int:
        return peak_memory()


def peak_memory() -> int:
    status = Path("/proc/self/status").read_text("ascii")
    [peak] = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(peak)


class App(BaseApp):
    async def _wire(self) -> None:
        for endpoint in (PipelineEndpoint(), BytesEndpoint(), MemoryEndpoint()):
            self._include_endpoint(endpoint)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        report("ended", key=outcome.reason)


app = App()
