"""The server stops while streams are open: each is torn down, its client reconnects later, and the process exits."""

import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from tests.programs import needs_program
from tests.servers.conftest import named
from tests.servers.impatient import DRAIN_TIMEOUT
from tests.servers.open_streams import OpenStreams, open_streams
from tests.servers.running import PATIENCE, Running, StillThereError, running
from tests.servers.servers import ACTIVATED, GRANIAN, HYPERCORN, SERVERS, UVICORN, Server
from tests.servers.wire import new_key, numbers

FEEDS = "tests.servers.feeds:app"
IMPATIENT = "tests.servers.impatient:to_drain"
DEFAULT_DRAIN_TIMEOUT = 5.0
CURL_CUT = 18
# granian 2.8 may deadlock if a worker gets two signals while responses are sent, as with Ctrl-C: its handler of the
# second signal waits, with the interpreter's lock, for a thread that waits for that lock. An ASGI application of a few
# lines deadlocks too, and nothing in the process can prevent it, so the test tries again with another process.
LOCKED_UP = re.compile(
    r'\(most recent call first\):\n  File "[^"\n]*granian/_signals.py", line \d+ in signal_handler\n'
)
TRIES = 3
RETRY = re.compile(rb"retry: ?\d+\n")

Signal = Callable[[Running], float]

on_each = pytest.mark.parametrize("server", SERVERS, ids=named)
on_each_kind = pytest.mark.parametrize("server", [UVICORN, GRANIAN, HYPERCORN], ids=named)


def terminate(server: Running) -> float:
    """Signals like a supervisor."""
    return server.interrupt(signal.SIGTERM)


def terminate_twice(server: Running) -> float:
    """Signals like an impatient supervisor."""
    server.interrupt(signal.SIGTERM)
    return server.interrupt(signal.SIGTERM)


def press_control_c(server: Running) -> float:
    """Signals like a terminal: all processes of the group."""
    return server.interrupt_group(signal.SIGINT)


def expect_exit(server: Running, sent_at: float, drain_timeout: float = DEFAULT_DRAIN_TIMEOUT) -> int:
    """Returns the exit status of a process. Fails if the process does not exit in time."""
    return server.status(sent_at + drain_timeout + 1 - monotonic())


def expect_retry_times(streams: OpenStreams, *paths: str) -> None:
    """Checks that the bodies of event streams end properly, with retry times that differ."""
    bodies = [body for path in paths for body in streams.whole(path)]
    retries = [match.group() for body in bodies if (match := RETRY.search(body))]
    assert len(retries) == len(bodies)
    assert len(set(retries)) > 1


@on_each
@pytest.mark.parametrize(
    ("send", "number"),
    [(terminate, signal.SIGTERM), (terminate_twice, signal.SIGTERM), (press_control_c, signal.SIGINT)],
)
def test_a_shutdown_tears_down_two_hundred_streams(server: Server, send: Signal, number: signal.Signals) -> None:
    for tried in range(1, TRIES + 1):
        try:
            expect_teardown_of_all(server, send, number)
            return
        except StillThereError as error:
            if tried == TRIES or not LOCKED_UP.search(error.output):
                raise


def expect_teardown_of_all(server: Server, send: Signal, number: signal.Signals) -> None:
    paths = ["/events/idle"] * 150 + ["/events/silent"] * 40 + ["/events/busy"] * 10
    with running(server, FEEDS) as process, open_streams(process, *paths) as streams:
        sent_at = send(process)
        assert expect_exit(process, sent_at) == server.statuses.get(number, 0)
        assert streams.reasons() == ["shutdown"] * len(paths)
        expect_retry_times(streams, "/events/idle", "/events/silent", "/events/busy")
        assert len(process.notes("ended")) == len(paths)
        assert process.notes("stopped")


@on_each
def test_a_stream_that_ends_within_the_drain_timeout_is_completed(server: Server) -> None:
    finite, endless = "/lines/finite?items=30", ["/lines/idle", "/lines/busy", "/array/silent"]
    with running(server, IMPATIENT) as process, open_streams(process, finite, *endless) as streams:
        sent_at = terminate(process)
        assert expect_exit(process, sent_at, DRAIN_TIMEOUT) == server.statuses.get(signal.SIGTERM, 0)
        assert sorted(streams.reasons()) == ["completed", "shutdown", "shutdown", "shutdown"]
        assert [numbers(body) for body in streams.whole(finite)] == [list(range(30))]
        assert [len(streams.cut(path)) for path in endless] == [1, 1, 1]
        assert len(process.notes("ended")) == 4


@on_each_kind
def test_a_client_that_does_not_read_does_not_delay_the_exit(server: Server) -> None:
    with running(server, IMPATIENT) as process, open_streams(process, "/lines/gushing") as streams:
        process.note("blocked", streams.key)
        expect_exit(process, terminate(process), DRAIN_TIMEOUT)
        assert streams.reasons() == ["shutdown"]


@on_each_kind
def test_a_hundred_clients_that_do_not_read_do_not_delay_the_exit(server: Server) -> None:
    with running(server, IMPATIENT) as process, open_streams(process, *["/lines/gushing"] * 100) as streams:
        process.wait_for("blocked", streams.key, count=100)
        expect_exit(process, terminate(process), DRAIN_TIMEOUT)
        assert streams.reasons() == ["shutdown"] * 100


@on_each_kind
@needs_program("curl")
def test_a_source_that_never_pauses_does_not_delay_the_exit(server: Server) -> None:
    key = new_key()
    with running(server, IMPATIENT) as process:
        url = f"{process.url}/lines/never-pausing?key={key}"
        with subprocess.Popen(["curl", "--silent", url], stdout=subprocess.DEVNULL) as curl:
            process.note("opened", key)
            expect_exit(process, terminate(process), DRAIN_TIMEOUT)
            assert curl.wait(PATIENCE) == CURL_CUT
        assert process.note("closed", key).reason == "shutdown"


@on_each_kind
def test_the_exit_waits_for_a_slow_teardown(server: Server) -> None:
    with running(server, FEEDS) as process, open_streams(process, "/events/reluctant", "/events/idle") as streams:
        sent_at = terminate(process)
        assert expect_exit(process, sent_at) == server.statuses.get(signal.SIGTERM, 0)
        assert process.notes("closed slowly", streams.key)
        assert len(process.notes("ended")) == 2


@on_each_kind
def test_the_exit_does_not_wait_longer_than_the_drain_timeout(server: Server) -> None:
    with running(server, IMPATIENT) as process, open_streams(process, "/events/stuck", "/events/idle"):
        expect_exit(process, terminate(process), DRAIN_TIMEOUT)


@on_each_kind
def test_a_shutdown_ends_the_streams_of_several_workers(server: Server) -> None:
    with running(server, FEEDS, "--workers", "2") as process:
        process.wait_for("started", count=2)
        with open_streams(process, *["/events/idle"] * 40) as streams:
            sent_at = terminate(process)
            assert expect_exit(process, sent_at) == 0
            assert streams.reasons() == ["shutdown"] * 40
            expect_retry_times(streams, "/events/idle")


@pytest.mark.parametrize("server", ACTIVATED, ids=named)
def test_a_shutdown_ends_the_streams_if_the_socket_is_inherited(server: Server) -> None:
    with running(server, FEEDS) as process, open_streams(process, *["/events/idle"] * 20) as streams:
        sent_at = terminate(process)
        assert expect_exit(process, sent_at) == server.statuses.get(signal.SIGTERM, 0)
        assert streams.reasons() == ["shutdown"] * 20
        expect_retry_times(streams, "/events/idle")


@pytest.fixture
def reloadable(tmp_path: Path) -> Path:
    """Writes a module `reloadable` with the application, into a directory of its own."""
    path = tmp_path / "reloadable.py"
    path.write_text("from tests.servers.feeds import app as app\n", encoding="utf-8")
    return path


@on_each_kind
def test_a_shutdown_ends_the_streams_while_the_server_watches_for_changes(server: Server, reloadable: Path) -> None:
    with running(server, "reloadable:app", "--reload", directory=reloadable.parent) as process:
        process.wait_for("started")
        process.wait_until_it_answers()
        with open_streams(process, *["/events/idle"] * 20) as streams:
            sent_at = terminate(process)
            assert expect_exit(process, sent_at) == 0
            assert streams.reasons() == ["shutdown"] * 20


@on_each_kind
def test_a_reload_ends_the_streams(server: Server, reloadable: Path) -> None:
    with running(server, "reloadable:app", "--reload", directory=reloadable.parent) as process:
        process.wait_for("started")
        process.wait_until_it_answers()
        with open_streams(process, *["/events/idle"] * 20) as streams:
            change_until_noticed(reloadable, process, streams.key)
            assert streams.reasons() == ["shutdown"] * 20
            expect_retry_times(streams, "/events/idle")
        process.wait_for("started", count=2)
        process.wait_until_it_answers()
        expect_exit(process, terminate(process))


def change_until_noticed(module: Path, server: Running, key: str) -> None:
    """Changes the module, again if the server was not watching yet."""
    for _ in range(5):
        with module.open("a", encoding="utf-8") as text:
            text.write("\n")
        if server.has_noted("closed", key, within=3):
            return


@on_each_kind
@pytest.mark.parametrize(("app", "prefix"), [("marked", ""), ("mounted", "/jero")])
def test_a_shutdown_ends_the_streams_inside_another_application(server: Server, app: str, prefix: str) -> None:
    paths = [prefix + path for path in ["/events/idle"] * 20 + ["/events/silent"] * 5]
    with running(server, f"tests.servers.wrapped:{app}") as process, open_streams(process, *paths) as streams:
        sent_at = terminate(process)
        assert expect_exit(process, sent_at) == server.statuses.get(signal.SIGTERM, 0)
        assert streams.reasons() == ["shutdown"] * 25
        expect_retry_times(streams, *{*paths})


@on_each_kind
def test_a_shutdown_ends_the_streams_without_the_lifespan_protocol(server: Server) -> None:
    options = {"uvicorn": ["--lifespan", "off"], "granian": ["--interface", "asginl"]}
    with (
        running(server, FEEDS, *options.get(server.name, [])) as process,
        open_streams(process, *["/events/idle"] * 5) as streams,
    ):
        expect_exit(process, terminate(process))
        assert streams.reasons() == ["shutdown"] * 5


@on_each
def test_a_server_without_streams_exits_at_once(server: Server) -> None:
    with running(server, FEEDS) as process, process.connect():
        sent_at = terminate(process)
        assert expect_exit(process, sent_at, 1) == server.statuses.get(signal.SIGTERM, 0)
        assert process.notes("stopped")
