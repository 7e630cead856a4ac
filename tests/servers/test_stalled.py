"""A client that never reads: its stream takes little memory, and it is dropped."""

import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import httpx
import msgspec
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamReset
from h2.settings import SettingCodes

from tests.servers.conftest import named
from tests.servers.feeds import Health
from tests.servers.impatient import SEND_TIMEOUT
from tests.servers.open_streams import open_streams
from tests.servers.running import PATIENCE, Running, running
from tests.servers.servers import HYPERCORN, SERVERS
from tests.servers.wire import new_key

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory and descriptors are read in /proc"
)

GROWTH = 2 * 2**20
SLACK = 0.5


@pytest.fixture(scope="module", params=SERVERS, ids=named)
def impatient(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Runs a server that has had such a client before, so that its memory has grown already."""
    with running(request.param, "tests.servers.impatient:to_send") as server:
        with open_streams(server, "/lines/gushing") as streams:
            streams.reasons()
        yield server


def health(server: Running) -> Health:
    response = httpx.get(f"{server.url}/health", timeout=PATIENCE, trust_env=False, headers={"Connection": "close"})
    return msgspec.json.decode(response.content, type=Health)


def test_a_client_that_never_reads_takes_little_memory_and_is_dropped(impatient: Running) -> None:
    before = health(impatient)
    with open_streams(impatient, "/lines/gushing") as streams:
        blocked = impatient.note("blocked", streams.key)
        while_blocked = health(impatient)
        assert streams.reasons() == ["stalled"]
        closed = impatient.note("closed", streams.key)
        streams.cut("/lines/gushing")

    assert while_blocked.resident - before.resident < GROWTH
    assert closed.at - blocked.at < SEND_TIMEOUT + SLACK


def test_the_connection_of_a_dropped_client_is_closed(impatient: Running) -> None:
    before = health(impatient).descriptors
    with open_streams(impatient, "/lines/gushing") as streams:
        streams.reasons()
        deadline = monotonic() + PATIENCE
        while (now := health(impatient).descriptors) > before:
            assert monotonic() < deadline, f"{now} file descriptors, {before} before"


class WindowlessClient:
    """A client of HTTP/2 that asks for streams and opens no window for their bodies."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._http = H2Connection(H2Configuration(client_side=True))
        self._http.initiate_connection()
        self._http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        self.resets = 0

    def get(self, path: str) -> None:
        """Sends a request."""
        headers = [(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "test")]
        self._http.send_headers(self._http.get_next_available_stream_id(), headers, end_stream=True)
        self._connection.sendall(self._http.data_to_send())

    def read_until_reset(self, count: int) -> None:
        """Reads until `count` streams are reset."""
        while self.resets < count:
            received = self._connection.recv(65_536)
            assert received, "the server closed the connection"
            self.resets += sum(isinstance(event, StreamReset) for event in self._http.receive_data(received))
            self._connection.sendall(self._http.data_to_send())


@pytest.mark.parametrize("app", ["tests.servers.impatient:to_send", "tests.servers.impatient:included_to_send"])
def test_a_client_of_hypercorn_that_opens_no_window_is_dropped(app: str) -> None:
    keys = [new_key() for _ in range(5)]
    with running(HYPERCORN, app) as server, server.connect() as connection:
        before = health(server)
        client = WindowlessClient(connection)
        for key in keys:
            client.get(f"/lines/gushing?key={key}")
        for key in keys:
            server.note("blocked", key)
        while_blocked = health(server)
        assert {server.note("closed", key).reason for key in keys} == {"stalled"}
        client.read_until_reset(len(keys))

    assert while_blocked.resident - before.resident < len(keys) * GROWTH
