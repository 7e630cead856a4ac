"""Well-known middleware around streams, over a network: jero keeps its promises."""

import signal
import zlib
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.ecosystem.included import DRAIN_TIMEOUT, ORIGIN, SEND_TIMEOUT
from tests.servers.conftest import named
from tests.servers.leaving import NOTICED_WITHIN, time_to_teardown
from tests.servers.open_streams import open_streams
from tests.servers.running import PATIENCE, Running, running
from tests.servers.servers import GRANIAN, HYPERCORN, UVICORN, UVICORN_PURE, Server
from tests.servers.wire import Answers, request

SLACK = 0.5
FOREIGN = {"Origin": ORIGIN}
FOREIGN_LINES = f"Origin: {ORIGIN}\r\nAccept-Encoding: gzip\r\n"


@pytest.fixture(scope="module", params=[UVICORN, UVICORN_PURE, GRANIAN, HYPERCORN], ids=named)
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(request.param, "tests.ecosystem.included:app") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=PATIENCE, trust_env=False) as client:
        yield client


def test_a_preflight_is_answered_by_the_middleware(client: httpx.Client) -> None:
    preflight = {
        **FOREIGN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "Last-Event-ID",
    }
    response = client.options("/events/idle", headers=preflight)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "last-event-id" in response.headers["access-control-allow-headers"].lower()


def test_options_without_a_preflight_is_answered_by_jero(client: httpx.Client) -> None:
    response = client.options("/events/idle", headers=FOREIGN)
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert response.headers["access-control-allow-origin"] == ORIGIN


def test_events_reach_another_origin_each_as_it_is_made(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(request("/events/idle", headers=FOREIGN_LINES))
        answers = Answers(connection)
        head = answers.head()
        assert head.headers["access-control-allow-origin"] == ORIGIN
        assert head.headers["content-type"] == "text/event-stream"
        assert "content-encoding" not in head.headers
        assert answers.chunk() == b'data: {"number":0}\n\n'


def test_lines_are_compressed_each_as_it_is_made(server: Running) -> None:
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    with server.connect() as connection:
        connection.sendall(request("/lines/idle", headers=FOREIGN_LINES))
        answers = Answers(connection)
        head = answers.head()
        assert head.headers["access-control-allow-origin"] == ORIGIN
        assert head.headers["content-encoding"] == "gzip"
        line = b""
        while not line.endswith(b"\n"):
            line += inflate.decompress(answers.chunk() or b"")
        assert line == b'{"number":0}\n'


def test_head_of_a_stream_has_the_headers_of_the_middleware(client: httpx.Client) -> None:
    response = client.head("/events/idle", headers=FOREIGN)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/events/idle", 405),
        ("GET", "/lines/failing?items=0", 409),
        ("GET", "/events/finite?items=many", 400),
        ("GET", "/events/unheard-of", 500),
    ],
)
def test_another_origin_may_read_a_problem(client: httpx.Client, method: str, path: str, status: int) -> None:
    response = client.request(method, path, headers=FOREIGN)
    assert (response.status_code, response.json()["status"]) == (status, status)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["access-control-allow-origin"] == ORIGIN


def test_another_host_is_refused_by_the_middleware(client: httpx.Client) -> None:
    response = client.get("/events/idle", headers={"Host": "evil.example"})
    assert (response.status_code, response.text) == (400, "Invalid host header")


@pytest.mark.parametrize("path", ["/events/idle", "/lines/busy", "/lines/never-pausing", "/events/silent"])
def test_a_client_that_leaves_is_noticed(server: Running, path: str) -> None:
    assert time_to_teardown(server, path, headers=FOREIGN_LINES) < NOTICED_WITHIN + SLACK


def test_a_stream_that_breaks_is_cut(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(request("/lines/failing?items=2"))
        answers = Answers(connection)
        answers.head()
        assert answers.until_cut() == b'{"number":0}\n{"number":1}\n'


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
@pytest.mark.parametrize("kind", [UVICORN, HYPERCORN], ids=named)
def test_a_client_that_takes_nothing_is_dropped(kind: Server) -> None:
    with running(kind, "tests.ecosystem.included:impatient") as server:
        before = descriptors(server)
        with open_streams(server, "/lines/gushing") as streams:
            blocked = server.note("blocked", streams.key)
            assert streams.reasons() == ["stalled"]
            assert server.note("closed", streams.key).at - blocked.at < SEND_TIMEOUT + SLACK
            deadline = monotonic() + PATIENCE
            while descriptors(server) > before:
                assert monotonic() < deadline
            streams.cut("/lines/gushing")


def descriptors(server: Running) -> int:
    response = httpx.get(f"{server.url}/health", timeout=PATIENCE, trust_env=False, headers={"Connection": "close"})
    number: int = response.json()["descriptors"]
    return number


@pytest.mark.parametrize("kind", [UVICORN, GRANIAN, HYPERCORN], ids=named)
def test_a_shutdown_ends_the_streams(kind: Server) -> None:
    events, endless = ["/events/idle"] * 5 + ["/events/silent"] * 2, "/lines/idle"
    with (
        running(kind, "tests.ecosystem.included:impatient") as server,
        open_streams(server, *events, endless) as streams,
    ):
        sent_at = server.interrupt(signal.SIGTERM)
        server.status(sent_at + DRAIN_TIMEOUT + 1 - monotonic())
        assert streams.reasons() == ["shutdown"] * 8
        assert all(b"retry: " in body for path in {*events} for body in streams.whole(path))
        assert len(streams.cut(endless)) == 1
        assert server.notes("stopped")
