"""A client that stalls harms only itself: no other connection is shut, and no crowd stops the event loop."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from time import monotonic, sleep

import pytest

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, StreamOutcome, StreamPolicy
from jero.http.asgi import Message
from jero.streaming.turns import STOPS_A_TURN
from tests.application import http_scope
from tests.servers.conftest import named
from tests.servers.impatient import SEND_TIMEOUT
from tests.servers.open_streams import open_streams
from tests.servers.running import PATIENCE, Running, running
from tests.servers.servers import SERVERS
from tests.servers.wire import new_key, request


@pytest.fixture(scope="module", params=SERVERS, ids=named)
def impatient(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(request.param, "tests.servers.impatient:to_send") as server:
        yield server


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For: 127.0.0.1:{port}",
        "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Port: {port}",
        "X-Forwarded-For: [::ffff:127.0.0.1]:{port}",
        "Forwarded: for=127.0.0.1:{port}",
        "X-Real-IP: 127.0.0.1:{port}",
    ],
)
def test_a_stalled_client_cannot_name_the_connection_of_somebody_else(impatient: Running, header: str) -> None:
    with open_streams(impatient, "/lines/idle") as victims, impatient.connect() as attacker:
        [victim] = victims.connections
        key = new_key()
        lines = header.format(port=victim.getsockname()[1]) + "\r\n"
        attacker.sendall(request(f"/lines/gushing?key={key}", headers=lines))
        assert impatient.note("closed", key).reason == "stalled"
        victims.assert_quiet(SEND_TIMEOUT)


def test_a_client_that_reads_a_byte_at_a_time_is_dropped_in_time(impatient: Running) -> None:
    with open_streams(impatient, "/lines/gushing") as streams:
        [connection] = streams.connections
        connection.settimeout(PATIENCE)
        blocked = impatient.note("blocked", streams.key)
        for _ in range(20):
            connection.recv(1)
        closed = impatient.note("closed", streams.key)
    assert closed.reason == "stalled"
    assert closed.at - blocked.at < SEND_TIMEOUT + 0.5


STREAMS = 1_000


class FloodEndpoint(Endpoint, path="/"):
    """A stream that never pauses."""

    async def get(self) -> NDJSONStreamingResponse[str]:
        return NDJSONStreamingResponse(stream=self._lines())

    async def _lines(self) -> AsyncIterator[str]:
        while True:
            yield "x" * 70_000


class Flood(BaseApp):
    """Counts how many streams end in each turn of the event loop."""

    def __init__(self) -> None:
        super().__init__(stream_policy=StreamPolicy(send_timeout=0.2, max_concurrent=None, drain_timeout=0.2))
        self.reasons: list[str] = []

    async def _wire(self) -> None:
        self._include_endpoint(FloodEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.reasons.append(outcome.reason)


class Crowd:
    """Requests of clients that take nothing, each on a socket of its own."""

    def __init__(self, app: Flood) -> None:
        self._app = app
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=STREAMS)
        self._sockets: list[socket.socket] = []
        self._requests: list[asyncio.Task[None]] = []
        self._blocked = 0
        self._count = 0
        self._all_blocked = asyncio.Event()

    async def block(self, count: int) -> None:
        """Starts requests, and returns when each waits for its client."""
        self._count = count
        for _ in range(count):
            self._sockets.append(socket.create_connection(self._listener.getsockname()))
            accepted, _ = self._listener.accept()
            self._sockets.append(accepted)
            addresses = {"client": accepted.getpeername(), "server": accepted.getsockname()}
            scope = {**http_scope(), **addresses, "http_version": "1.1"}
            self._requests.append(asyncio.create_task(self._app(scope, self._never, self._send)))
        await self._all_blocked.wait()

    async def end(self) -> None:
        """Waits for the requests, and closes the sockets."""
        await asyncio.gather(*self._requests, return_exceptions=True)
        for opened in (*self._sockets, self._listener):
            opened.close()

    async def _never(self) -> Message:
        message: Message = await asyncio.get_running_loop().create_future()
        return message

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self._blocked += 1
            if self._blocked == self._count:
                self._all_blocked.set()
            await self._never()


def stand_still() -> None:
    """Stops the event loop until the time of each send is over."""
    sleep(0.5)


class Looks:
    """Counts how often the descriptors of the process are listed."""

    def __init__(self) -> None:
        self.count = 0
        self._listdir = os.listdir

    def __call__(self, path: str) -> list[str]:
        self.count += 1
        return self._listdir(path)


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 3 * STREAMS:
        pytest.skip("the system allows too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 3 * STREAMS), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_descriptors")
async def test_a_crowd_that_stalls_at_once_costs_one_look_and_ends_over_many_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, looks = Flood(), Looks()
    crowd = Crowd(app)
    async with app.lifespan():
        await crowd.block(STREAMS)
        monkeypatch.setattr("os.listdir", looks)
        stand_still()
        deadline = monotonic() + PATIENCE
        most = 0
        while len(app.reasons) < STREAMS:
            assert monotonic() < deadline, f"{len(app.reasons)} streams have ended"
            before = len(app.reasons)
            await asyncio.sleep(0)
            most = max(most, len(app.reasons) - before)
        await crowd.end()
    assert set(app.reasons) == {"stalled"}
    assert looks.count <= 2
    assert most <= 2 * STOPS_A_TURN


@pytest.mark.usefixtures("many_descriptors")
async def test_a_shutdown_of_a_blocked_crowd_costs_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    app, looks = Flood(), Looks()
    crowd = Crowd(app)
    async with app.lifespan():
        await crowd.block(STREAMS)
        monkeypatch.setattr("os.listdir", looks)
    await crowd.end()
    assert len(app.reasons) == STREAMS
    assert looks.count <= 2
