"""The memory of clients that are idle, or never read: so much for each, and all of it is given back."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, SSEResponse, StreamingResponse, StreamPolicy
from jero.channels import Channel, MemoryStore
from jero.http.asgi import Message
from tests.application import Application, http_scope

CROWD = 1_000
KIB = 1_024
# What a client may hold: a quarter above what was measured, which is 8 to 10 KiB. About 2 KiB of it is this test's.
IDLE_BYTES = 12_800
# What may remain of one that has left: timers that were cancelled stay with asyncio for a while.
LEFT_BYTES = 300


class Lines(Endpoint, path="/"):
    def __init__(self, source: Callable[[], Any]) -> None:
        self._source = source

    async def get(self) -> NDJSONStreamingResponse[int | str]:
        return NDJSONStreamingResponse(stream=self._source())


class Events(Endpoint, path="/"):
    def __init__(self, source: Callable[[], Any]) -> None:
        self._source = source

    async def get(self) -> SSEResponse[int]:
        return SSEResponse(stream=self._source(), keepalive=15)


class Bytes(Endpoint, path="/"):
    def __init__(self, source: Callable[[], Any]) -> None:
        self._source = source

    async def get(self) -> StreamingResponse:
        return StreamingResponse(stream=self._source(), raw_headers={"Content-Type": "video/mp4"})


class Uploads(Endpoint, path="/"):
    async def post(self, content: bytes) -> int:
        return len(content)


async def ticks() -> AsyncIterator[int]:
    yield 1
    await asyncio.get_running_loop().create_future()


async def silent() -> AsyncIterator[int]:
    await asyncio.get_running_loop().create_future()
    yield 1


@asynccontextmanager
async def lifecycle() -> AsyncGenerator[AsyncIterator[int], None]:
    yield ticks()


class Client:
    """A client that sends no body, reads `reads` messages, and leaves when it is told so."""

    def __init__(self, method: str, reads: int) -> None:
        loop = asyncio.get_running_loop()
        self._reads = reads
        self._leaving: asyncio.Future[None] = loop.create_future()
        self.waits: asyncio.Future[None] = loop.create_future()
        self.scope = http_scope(method)

    async def receive(self) -> Message:
        if self.scope["method"] == "POST" and not self.waits.done():
            self.waits.set_result(None)
        await self._leaving
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self._reads -= 1
        if self._reads > 0:
            return
        if not self.waits.done():
            self.waits.set_result(None)
        if self._reads < 0:
            await asyncio.get_running_loop().create_future()

    def leave(self) -> None:
        self._leaving.set_result(None)


class Crowd:
    """Requests that are open at once."""

    def __init__(self, app: BaseApp, method: str, reads: int, count: int = CROWD) -> None:
        self._clients = [Client(method, reads) for _ in range(count)]
        self._requests = [asyncio.create_task(app(one.scope, one.receive, one.send)) for one in self._clients]

    async def settle(self) -> None:
        """Waits until each client idles, or blocks its stream."""
        for client in self._clients:
            await client.waits
        for _ in range(3):
            await asyncio.sleep(0)

    async def leave(self) -> None:
        for client in self._clients:
            client.leave()
        await asyncio.wait(self._requests)


async def traced(app: BaseApp, method: str, reads: int, count: int = CROWD) -> tuple[float, float]:
    """Returns how many bytes each client holds while it is there, and how many are left of it when it is not."""
    tracemalloc.start()
    try:
        await come_and_go(app, method, reads, count)  # fills the lists of free objects
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        crowd = Crowd(app, method, reads, count)
        await crowd.settle()
        held, _ = tracemalloc.get_traced_memory()
        await crowd.leave()
        del crowd
        await asyncio.sleep(0)
        gc.collect()
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (held - before) / count, (left - before) / count


async def come_and_go(app: BaseApp, method: str, reads: int, count: int) -> None:
    crowd = Crowd(app, method, reads, count)
    await crowd.settle()
    await crowd.leave()
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("endpoint", "source", "grace"),
    [(Lines, ticks, 5), (Lines, lifecycle, 5), (Events, ticks, 5), (Events, silent, 0.001)],
    ids=["lines", "a lifecycle", "events", "silent events"],
)
async def test_idle_streams_hold_little_and_give_it_back(
    endpoint: Callable[[Callable[[], Any]], Endpoint], source: Callable[[], Any], grace: float
) -> None:
    app = Application(endpoint(source), stream_policy=StreamPolicy(first_item_grace=grace))
    async with app.lifespan():
        held, left = await traced(app, "GET", 2 if source is not silent else 1)
    assert held < IDLE_BYTES
    assert left < LEFT_BYTES


async def test_idle_subscribers_hold_little_and_give_it_back() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "idle", int)
        app = Application(Events(channel.subscribe), stream_policy=StreamPolicy(first_item_grace=0.001))
        async with app.lifespan():
            held, left = await traced(app, "GET", 1)
        assert channel.statistics().subscribers == 0
    assert held < IDLE_BYTES
    assert left < LEFT_BYTES


async def test_bodies_that_never_come_hold_little_and_give_it_back() -> None:
    app = Application(Uploads())
    async with app.lifespan():
        held, left = await traced(app, "POST", 10)
    assert held < IDLE_BYTES
    assert left < LEFT_BYTES


async def gushing() -> AsyncIterator[str]:
    while True:
        yield "x" * KIB


async def large() -> AsyncIterator[bytes]:
    while True:
        yield bytes(200 * KIB)


def threaded() -> Iterator[str]:
    while True:
        yield "x" * KIB


# One chunk is being sent, and a thread may have gathered the next one and begun a third. Each may be copied once.
@pytest.mark.parametrize(
    ("endpoint", "source", "chunk"),
    [(Lines, gushing, 64 * KIB), (Lines, gushing, 4 * KIB), (Bytes, large, 200 * KIB), (Lines, threaded, 64 * KIB)],
    ids=["lines", "small chunks", "large items", "a thread"],
)
async def test_a_client_that_never_reads_holds_no_more_than_its_chunks(
    endpoint: Callable[[Callable[[], Any]], Endpoint], source: Callable[[], Any], chunk: int
) -> None:
    app = Application(endpoint(source), stream_policy=StreamPolicy(chunk_bytes=min(chunk, 64 * KIB)))
    async with app.lifespan():
        held, left = await traced(app, "GET", 1, 20)
    assert held < 4 * chunk + IDLE_BYTES
    assert left < KIB
