"""The application under test: rows that come in are answered one by one, while they come in."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import Struct

from jero import BaseApp, Endpoint, StreamOutcome
from tests.servers.feeds import tell


class Row(Struct):
    """What comes in."""

    id: int
    name: str
    price: float


class Answer(Struct):
    """What goes out for it."""

    id: int
    total: float


class Asked(Struct):
    """How many rows are read, 0 for all."""

    stop_after: int = 0


class PipelineEndpoint(Endpoint, path="/pipeline"):
    """Streams an answer a row, or sums them up."""

    async def post(self, items: AsyncIterator[Row], params: Asked) -> AsyncIterator[Answer]:
        rows = 0
        async for row in items:
            yield Answer(row.id, row.price * 2)
            rows += 1
            if rows == params.stop_after:
                return

    async def put(self, items: AsyncIterator[Row], params: Asked) -> int:
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
    """The most that the process has held so far, in KiB: of Linux, which alone does not count its parent's, too."""

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
        tell("ended", key=outcome.reason)


app = App()
