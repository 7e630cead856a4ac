"""jero mounted in Starlette and FastAPI, and both mounted in jero, over a network."""

import signal
import subprocess
from collections.abc import Iterator
from time import monotonic

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.servers.conftest import named
from tests.servers.open_streams import open_streams
from tests.servers.running import PATIENCE, ROOT, Running, running
from tests.servers.servers import UVICORN, UVICORN_PURE
from tests.servers.wire import Answers, new_key, request

SLACK = 0.6
DRAINED_WITHIN = 2.0
HOSTS = ["starlette", "fastapi", "lazily"]
# An application, and the path at which the feeds are mounted in it.
CASES = [*((app, "/jero") for app in HOSTS), ("host", "/starlette/jero"), ("host", "/inner/feeds")]


@pytest.fixture(scope="module", params=[UVICORN, UVICORN_PURE], ids=named)
def host(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(request.param, "tests.ecosystem.hosts:host") as server:
        yield server


def get(server: Running, path: str) -> httpx.Response:
    return httpx.get(server.url + path, timeout=PATIENCE, trust_env=False)


@pytest.fixture(scope="module", params=CASES, ids="".join)
def feeds(request: pytest.FixtureRequest) -> Iterator[tuple[Running, str]]:
    """Runs a server. Returns it with the path at which the feeds are mounted."""
    app, prefix = request.param
    with running(UVICORN, f"tests.ecosystem.hosts:{app}") as server:
        yield server, prefix


def test_a_mounted_application_answers(feeds: tuple[Running, str]) -> None:
    server, prefix = feeds
    assert get(server, f"{prefix}/health").json()["pid"] > 0
    assert get(server, f"{prefix}/lines/finite").text == "".join(f'{{"number":{number}}}\n' for number in range(3))


def test_a_mounted_application_answers_with_problems(feeds: tuple[Running, str]) -> None:
    server, prefix = feeds
    for path, status in (("/nothing", 404), ("/lines/failing?items=0", 409)):
        response = get(server, prefix + path)
        assert (response.status_code, response.json()["status"]) == (status, status)


@pytest.mark.parametrize("path", ["/events/idle", "/lines/never-pausing"])
def test_a_client_that_leaves_is_noticed(feeds: tuple[Running, str], path: str) -> None:
    (server, prefix), key = feeds, new_key()
    with server.connect() as connection:
        connection.sendall(request(f"{prefix}{path}?key={key}"))
        answers = Answers(connection)
        answers.head()
        assert b'"number":0' in (answers.chunk() or b"")
        left_at = monotonic()
    closed = server.note("closed", key)
    assert closed.reason == "disconnected"
    assert closed.at - left_at < SLACK


@pytest.mark.parametrize(("app", "prefix"), CASES)
def test_a_shutdown_ends_the_streams(app: str, prefix: str) -> None:
    paths = [f"{prefix}/events/idle"] * 5
    with running(UVICORN, f"tests.ecosystem.hosts:{app}") as server, open_streams(server, *paths) as streams:
        sent_at = server.interrupt(signal.SIGTERM)
        server.status(sent_at + DRAINED_WITHIN - monotonic())
        assert streams.reasons() == ["shutdown"] * 5
        assert all(b"retry: " in body for body in streams.whole(paths[0]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("app", ["starlette", "fastapi"])
def test_a_host_opens_and_closes_the_resources(app: str, number: signal.Signals) -> None:
    with running(UVICORN, f"tests.ecosystem.hosts:{app}") as server:
        server.wait_for("started")  # before the first request
        assert get(server, "/jero/health").status_code == 200
        server.interrupt(number)
        server.status(PATIENCE)
        server.note("stopped", "")
        assert len(server.notes("started")) == 1


def test_without_a_host_the_first_request_opens_the_resources_and_the_end_of_the_loop_closes_them() -> None:
    with running(UVICORN, "tests.ecosystem.hosts:lazily") as server:
        assert not server.notes("started")
        assert get(server, "/jero/health").status_code == 200
        server.wait_for("started")
        server.interrupt(signal.SIGINT)
        server.status(PATIENCE)
        server.note("stopped", "")
        assert len(server.notes("started")) == 1


def test_guests_start_after_the_host_and_shut_down_before_it() -> None:
    with running(UVICORN, "tests.ecosystem.hosts:host") as server:
        assert [note.key for note in server.wait_for("started", count=4)] == ["", "starlette", "fastapi", ""]
        server.interrupt(signal.SIGTERM)
        server.status(PATIENCE)
        assert [note.key for note in server.wait_for("stopped", count=4)] == ["", "fastapi", "starlette", ""]


def test_a_guest_that_does_not_start_keeps_the_server_from_starting() -> None:
    command = UVICORN.command("tests.ecosystem.hosts:host", 0)
    environment = {"JERO_TEST_FAIL": "1", "PATH": ""}
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 3  # uvicorn's status for a failed startup
    assert "The application at /fast/api's startup failed: " in ended.stderr
    assert "RuntimeError: no database" in ended.stderr
    assert '"what":"stopped","key":"starlette"' in ended.stdout


def test_a_guest_builds_urls_below_its_prefix(host: Running) -> None:
    seen = get(host, "/starlette/items/1").json()
    assert seen == {
        "url": f"{host.url}/starlette/items/1",
        "url_for": f"{host.url}/starlette/items/2",
        "name": "starlette",
        "item": "1",
        "root_path": "/starlette",
    }


def test_fastapi_validates_and_documents_below_its_prefix(host: Running) -> None:
    assert get(host, "/fast/api/items/1").json() == {"item": 1, "name": "fastapi"}
    assert get(host, "/fast/api/items/x").status_code == 422
    assert get(host, "/fast/api/openapi.json").json()["servers"] == [{"url": "/fast/api"}]
    assert "'/fast/api/openapi.json'" in get(host, "/fast/api/docs").text


def test_an_exception_of_a_guest_is_answered_by_the_guest_and_logged(host: Running) -> None:
    response = get(host, "/starlette/")
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    deadline = monotonic() + PATIENCE
    while "ValueError: a guest's" not in host.output:
        assert monotonic() < deadline, host.output


def test_a_guest_redirects_to_its_root(host: Running) -> None:
    response = get(host, "/starlette")
    assert (response.status_code, response.headers["location"]) == (307, f"{host.url}/starlette/")


def test_a_guest_answers_its_own_404(host: Running) -> None:
    assert get(host, "/starlette/nothing").text == "Not Found"
    assert get(host, "/nothing").json()["type"] == "not-found"


def test_a_websocket_reaches_a_guest(host: Running) -> None:
    with connect(f"ws://127.0.0.1:{host.port}/starlette/echo", proxy=None) as websocket:
        websocket.send("hello")
        assert websocket.recv(timeout=PATIENCE) == "/starlette/echo starlette hello"


def test_a_guest_behind_an_authenticator_has_its_user_and_others_are_refused(host: Running) -> None:
    right = {"Authorization": "Bearer right"}
    with httpx.Client(base_url=host.url, timeout=PATIENCE, trust_env=False) as client:
        assert client.get("/guarded/who", headers=right).json() == "Ada"
        refused = client.get("/guarded/who")
    assert (refused.status_code, refused.json()["type"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    url = f"ws://127.0.0.1:{host.port}/guarded/greet"
    with connect(url, proxy=None, additional_headers=right) as websocket:
        assert websocket.recv(timeout=PATIENCE) == "Ada"
    with pytest.raises(InvalidStatus) as denied:
        connect(url, proxy=None).close()
    response = denied.value.response
    assert (response.status_code, response.headers["content-type"]) == (401, "application/problem+json")
    assert b'"unauthorized"' in bytes(response.body or b"")
