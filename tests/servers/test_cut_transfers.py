"""A stream that fails in the middle is a cut transfer to every client, over every version of HTTP."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.programs import needs_program
from tests.servers.conftest import named
from tests.servers.running import PATIENCE, Running, running
from tests.servers.servers import GRANIAN, HYPERCORN, SERVERS, Server
from tests.servers.wire import Answers, new_key, numbers, request

CURL_CUT = 18
CURL_RESET = 56
CURL_STREAM_RESET = 92
BIG = 300_000
TIMED_OUT = ("timed_out", "timed_out_inside", "timed_out_completed", "moved_on", "moved_on_completed")


def test_a_raw_socket_reads_a_cut_transfer(server: Running) -> None:
    key = new_key()
    with server.connect() as connection:
        connection.sendall(request(f"/lines/failing?key={key}"))
        answers = Answers(connection)
        assert answers.head().status == 200
        assert numbers(answers.until_cut()) == [0, 1, 2]

    assert server.note("closed", key).reason == "failed"


def test_only_uvicorn_logs_a_line_of_its_own_for_a_cut(server: Running) -> None:
    for key in (new_key(), new_key()):  # what the first has logged is read before the second is noted
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{server.url}/lines/failing?key={key}", timeout=PATIENCE, trust_env=False)
        server.wait_for("closed", key)
    assert "the stream failed after" in server.output
    is_uvicorn = server.server.name.startswith("uvicorn")
    assert ("ASGI callable returned without completing response." in server.output) == is_uvicorn


def test_an_array_that_is_cut_stays_open(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(request("/array/failing?items=1"))
        answers = Answers(connection)
        answers.head()
        assert answers.until_cut() == b'[{"number":0}'


@needs_program("curl")
def test_curl_reports_a_cut_transfer(server: Running) -> None:
    status, received = curl(server, "/lines/failing")

    assert status == CURL_CUT
    assert numbers(received) == [0, 1, 2]


def test_httpx_raises_for_a_cut_transfer(server: Running) -> None:
    with httpx.stream("GET", f"{server.url}/lines/failing", timeout=PATIENCE, trust_env=False) as response:
        received: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(response.iter_raw())

    assert numbers(b"".join(received)) == [0, 1, 2]


def test_an_event_stream_sends_an_error_event_and_ends_properly(server: Running) -> None:
    response = httpx.get(f"{server.url}/events/failing", timeout=PATIENCE, trust_env=False)

    assert response.text.count("data: ") == 4
    assert "event: error\ndata: {" in response.text


def curl(server: Running, path: str, *options: str) -> tuple[int, bytes]:
    """Returns curl's exit status, and what it received."""
    arguments = ["curl", "--silent", "--no-buffer", "--max-time", f"{PATIENCE:g}", *options, server.url + path]
    done = subprocess.run(arguments, capture_output=True, check=False)
    return done.returncode, done.stdout


@needs_program("curl")
@pytest.mark.parametrize("path", ["/lines/failing", "/array/failing", "/lines/expiring", "/lines/failing-at-once"])
def test_curl_reports_a_reset_over_http_1_0(server: Running, path: str) -> None:
    status, received = curl(server, path, "--http1.0")
    assert status == CURL_RESET
    assert received.count(b'{"number"') == 3


@needs_program("curl")
def test_a_slow_client_of_http_1_0_receives_everything_before_the_reset(server: Running) -> None:
    status, received = curl(server, f"/lines/failing-at-once?items={BIG}", "--http1.0", "--limit-rate", "5M")
    assert status == CURL_RESET
    assert numbers(received) == list(range(BIG))


@pytest.fixture(scope="module", params=SERVERS, ids=named)
def wrapped(request: pytest.FixtureRequest) -> Iterator[dict[str, Running]]:
    """Runs a server for each way to put a middleware that completes bodies around the feeds."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running(request.param, f"tests.servers.wrapped:{name}"))
            for name in ("included", "completed", "in_starlette")
        }


@needs_program("curl")
@pytest.mark.parametrize(("version", "cut"), [("--http1.1", CURL_CUT), ("--http1.0", CURL_RESET)])
@pytest.mark.parametrize("app", ["included", "completed", "in_starlette"])
@pytest.mark.parametrize("path", ["/lines/failing", "/array/expiring", "/lines/failing-at-once"])
def test_a_middleware_that_completes_bodies_does_not_complete_a_cut_one(
    wrapped: dict[str, Running], app: str, version: str, cut: int, path: str
) -> None:
    status, received = curl(wrapped[app], path, version)
    assert status == cut
    assert received.count(b'{"number"') == 3


@needs_program("curl")
@pytest.mark.parametrize("app", ["included", "completed", "in_starlette"])
def test_a_middleware_that_completes_bodies_completes_a_whole_one(wrapped: dict[str, Running], app: str) -> None:
    assert curl(wrapped[app], "/lines/finite")[0] == 0
    assert curl(wrapped[app], "/lines/finite", "--http1.0")[0] == 0


@needs_program("curl")
@pytest.mark.parametrize("app", TIMED_OUT)
@pytest.mark.parametrize("own", SERVERS, ids=named)
def test_a_timeout_around_the_application_cuts_the_transfer(own: Server, app: str) -> None:
    with running(own, f"tests.servers.wrapped:{app}") as server:
        for version, cut in ("--http1.1", CURL_CUT), ("--http1.0", CURL_RESET):
            status, received = curl(server, "/lines/idle", version)
            assert status == cut, version
            assert received.count(b'{"number"') == 1


@pytest.mark.parametrize("own", [GRANIAN, HYPERCORN], ids=named)
@pytest.mark.parametrize("app", ["tests.servers.feeds:app", "tests.servers.wrapped:included"])
def test_a_stream_of_http_2_is_reset_and_its_connection_goes_on(own: Server, app: str) -> None:
    """Sends more requests than one connection may have open at once."""
    with (
        running(own, app) as server,
        httpx.Client(base_url=server.url, http1=False, http2=True, timeout=PATIENCE, trust_env=False) as client,
    ):
        ports: set[int] = set()
        for _ in range(105):
            with client.stream("GET", "/lines/failing") as response:
                ports.add(response.extensions["network_stream"].get_extra_info("client_addr")[1])
                received: list[bytes] = []
                with pytest.raises(httpx.RemoteProtocolError):
                    received.extend(response.iter_raw())
            assert numbers(b"".join(received)) == [0, 1, 2]
        assert numbers(client.get("/lines/finite").content) == [0, 1, 2]
    assert len(ports) == 1
