"""Two workers of a real server on one Redis: clients of either worker receive the same events."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest
from httpx_sse import EventSource, aconnect_sse

from jero.channels import Channel, RedisStore
from tests.channels.feed import PREFIX
from tests.channels.publishers import Publishers
from tests.channels.reading import Note, order
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program
from tests.servers.running import Running, running
from tests.servers.servers import UVICORN
from tests.servers.wire import request

pytestmark = needs_program("redis-server")

EVENTS = 2_000
CLIENTS = 20
LAST = "the last"
PATIENCE = 60.0


class Client:
    """Reads notes until the last. Reconnects after `leaves_after` notes, and if its stream ends.

    `workers`: the processes that have answered it. `numbers`: the ids and numbers of the received notes, in order.
    """

    def __init__(self, http: httpx.AsyncClient, leaves_after: int) -> None:
        self._http = http
        self._leaves_after = leaves_after
        self._last_id = "0-0"
        self.is_connected = asyncio.Event()
        self.workers: set[int] = set()
        self.numbers: list[tuple[str, int]] = []
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await self._read_once():
                pass

    async def _read_once(self) -> bool:
        try:
            headers = {"Last-Event-ID": self._last_id}
            async with aconnect_sse(self._http, "GET", "/notes", headers=headers) as source:
                self.workers.add(int(source.response.headers["worker"]))
                self.is_connected.set()
                return await self._take(source)
        except httpx.TransportError:
            return False

    async def _take(self, source: EventSource) -> bool:
        until = len(self.numbers) + self._leaves_after
        async for event in source.aiter_sse():
            note = msgspec.json.decode(event.data, type=Note)  # fails for a gap
            if note.text == LAST:
                return True
            self._last_id = event.id
            self.numbers.append((event.id, note.number))
            if len(self.numbers) == until:
                break
        return False


@pytest.fixture
def workers(durable_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Generator[Running, None, None]:
    monkeypatch.setenv("REDIS_URL", durable_server.url)
    with running(UVICORN, "tests.channels.feed:app", "--workers", "2", "--log-level", "warning") as workers:
        yield workers


@asynccontextmanager
async def clients(url: str) -> AsyncGenerator[list[Client], None]:
    """Connects twenty clients to both workers. Every second one reconnects repeatedly."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits, trust_env=False) as http:
        reading = [Client(http, leaves_after=10 * EVENTS)]
        try:
            await reading[0].is_connected.wait()
            (worker,) = reading[0].workers
            os.kill(worker, signal.SIGSTOP)  # so that the other worker accepts the next clients
            try:
                reading += [Client(http, leaves_after=10 * EVENTS) for _ in range(CLIENTS // 2 - 1)]
                await asyncio.gather(*(client.is_connected.wait() for client in reading))
            finally:
                os.kill(worker, signal.SIGCONT)
            reading += [Client(http, leaves_after=EVENTS // 5) for _ in range(CLIENTS // 2)]
            await asyncio.gather(*(client.is_connected.wait() for client in reading))
            assert len({pid for client in reading for pid in client.workers}) == 2
            yield reading
        finally:
            for client in reading:
                client.reading.cancel()
            await asyncio.wait([client.reading for client in reading])


async def test_clients_of_all_workers_receive_the_same_events_despite_kills(
    durable_server: RedisServer, workers: Running
) -> None:
    publishers = Publishers(durable_server.url, PREFIX, EVENTS)
    with workers.connect() as never_reads:
        never_reads.sendall(request("/notes", headers="Last-Event-ID: 0-0\r\n"))
        async with clients(workers.url) as reading:
            publishing = asyncio.create_task(publishers.run())
            await publishers.until(EVENTS // 4)
            durable_server.kill()
            await asyncio.to_thread(durable_server.start)
            await publishers.until(EVENTS // 2)
            os.kill(next(iter(reading[0].workers)), signal.SIGKILL)
            await publishing
            async with RedisStore(durable_server.url, prefix=PREFIX) as store:
                await Channel(store, "notes", Note, history=100_000).publish(Note(EVENTS, LAST))
            await asyncio.gather(*(client.reading for client in reading))
    published = [
        (event_id, publishers.acknowledged[event_id]) for event_id in sorted(publishers.acknowledged, key=order)
    ]
    assert len(published) == EVENTS
    for client in reading:
        assert client.numbers == published
