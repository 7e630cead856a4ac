"""The settings that the page "Behind proxies and servers" shows: items arrive as they are made, and a cut is a cut."""

import re
import socket
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.matrix.clients import read
from tests.matrix.exceptions import CUT_BY_PROXY
from tests.matrix.proxies import RUNNERS, is_tried, nginx, shown
from tests.ports import free_port
from tests.programs import needs_program
from tests.servers.running import PATIENCE, ROOT, Running, running
from tests.servers.servers import UVICORN
from tests.servers.wire import Answers, new_key, numbers, request

pytestmark = needs_program("curl", "nginx", "haproxy", "caddy")
PAGE = (ROOT / "docs/proxies.md").read_text("utf-8")
FENCE = re.compile(r"^```(nginx|haproxy|caddy)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = dict(FENCE.findall(PAGE))
# How a port that speaks HTTP/2 without TLS is added to the settings of the page.
LISTENING = {
    "nginx": ("listen 8080;", "listen 127.0.0.1:{port}; listen 127.0.0.1:{http2_port} http2;"),
    "haproxy": ("bind :8080", "bind 127.0.0.1:{port}\n    bind 127.0.0.1:{http2_port} proto h2"),
    "caddy": ("http://:8080", "http://:{port}, http://:{http2_port}"),
}
FORMS = ["lines", "events"]
NAMES = list(RUNNERS)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(UVICORN, "tests.matrix.uploads:app") as server:
        yield server


@contextmanager
def behind(
    name: str, server: Running, directory: Path, *changes: tuple[str, str]
) -> Generator[tuple[int, int], None, None]:
    """Runs a proxy with the settings of the page, each of `changes` applied. Returns its ports: HTTP/1 and HTTP/2."""
    port, http2_port = free_port(), free_port()
    there, listening = LISTENING[name]
    changes = (
        *changes,
        (there, listening.format(port=port, http2_port=http2_port)),
        ("127.0.0.1:8000", f"127.0.0.1:{server.port}"),
    )
    with shown(name, SHOWN[name], directory, (port, http2_port), *changes):
        yield port, http2_port


@pytest.fixture(scope="module")
def ports(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[int, int]]]:
    """Runs each proxy with the settings of the page. Returns their ports."""
    directory = tmp_path_factory.mktemp("proxies")
    with ExitStack() as stack:
        yield {name: stack.enter_context(behind(name, server, directory / name)) for name in NAMES}


@contextmanager
def connected(port: int) -> Generator[socket.socket, None, None]:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        yield connection


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_an_item_arrives_before_the_next_is_made(ports: dict[str, tuple[int, int]], name: str, form: str) -> None:
    with connected(ports[name][0]) as connection:
        connection.sendall(request(f"/{form}/idle"))
        answers = Answers(connection)
        assert answers.head().status == 200
        assert b'"number":0' in (answers.chunk() or b"")


@pytest.mark.parametrize("form", FORMS)
def test_nginx_passes_items_on_with_its_defaults_too(server: Running, tmp_path: Path, form: str) -> None:
    port = free_port()
    content = f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {server.url}; }} }}"
    with nginx(tmp_path, content, port), connected(port) as connection:
        connection.sendall(request(f"/{form}/idle"))
        answers = Answers(connection)
        answers.head()
        assert b'"number":0' in (answers.chunk() or b"")


@pytest.mark.parametrize("protocol", ["1.0", "1.1", "2"])
@pytest.mark.parametrize("name", NAMES)
def test_a_cut_is_a_cut_where_the_page_says_so(ports: dict[str, tuple[int, int]], name: str, protocol: str) -> None:
    url = f"http://127.0.0.1:{ports[name][protocol == '2']}/lines"
    whole, broken = read(f"{url}/finite", protocol), read(f"{url}/failing", protocol)

    assert (whole.status, numbers(whole.body), whole.end) == (200, [0, 1, 2], "complete")
    assert (broken.status, broken.body) == (200, whole.body)
    if is_tried(name):
        assert broken.end == ("cut" if protocol in CUT_BY_PROXY[name] else "complete")


@pytest.mark.parametrize("name", NAMES)
def test_a_client_that_leaves_is_noticed(server: Running, ports: dict[str, tuple[int, int]], name: str) -> None:
    key = new_key()
    with connected(ports[name][0]) as connection:
        connection.sendall(request(f"/lines/busy?key={key}"))
        Answers(connection).head()

    assert server.note("closed", key).reason == "disconnected"


TYPES = "text/event-stream application/x-ndjson"
CADDY_ENCODE = """encode {
        gzip
        minimum_length 1
        match {
            header Content-Type text/event-stream
            header Content-Type application/x-ndjson
        }
    }
    reverse_proxy"""
# What makes each proxy compress every stream.
COMPRESSION = {
    "nginx": ("proxy_http_version", f"gzip on; gzip_types {TYPES}; proxy_http_version"),
    "haproxy": ("mode http", f"mode http\n    compression algo gzip\n    compression type {TYPES}"),
    "caddy": ("reverse_proxy", CADDY_ENCODE),
}


@pytest.mark.parametrize(
    ("name", "form", "encoding"),
    [
        ("nginx", "lines", "gzip"),
        ("nginx", "events", "gzip"),  # only HAProxy reads `no-transform`
        ("haproxy", "lines", "gzip"),
        ("haproxy", "events", None),
        ("caddy", "lines", "gzip"),
        ("caddy", "events", "gzip"),
    ],
)
def test_a_compressing_proxy_holds_no_item_back(
    server: Running, tmp_path: Path, name: str, form: str, encoding: str | None
) -> None:
    with behind(name, server, tmp_path / name, COMPRESSION[name]) as (port, _), connected(port) as connection:
        connection.sendall(request(f"/{form}/idle", headers="Accept-Encoding: gzip\r\n"))
        answers = Answers(connection)
        head = answers.head()
        assert answers.chunk()
        if is_tried(name):
            assert head.headers.get("content-encoding") == encoding


def test_nginx_holds_items_back_if_it_compresses_and_ignores_the_header(server: Running, tmp_path: Path) -> None:
    ignoring = ("proxy_http_version", "proxy_ignore_headers X-Accel-Buffering; proxy_http_version")
    with (
        behind("nginx", server, tmp_path / "nginx", COMPRESSION["nginx"], ignoring) as (port, _),
        connected(port) as connection,
    ):
        connection.sendall(request("/events/idle", headers="Accept-Encoding: gzip\r\n"))
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            Answers(connection).head()


# The timeouts of each proxy, shortened.
SHORT = {
    "nginx": ("proxy_read_timeout 60s", "proxy_read_timeout 2s"),
    "haproxy": ("timeout server 60s", "timeout server 2s"),
}


@pytest.mark.parametrize("name", list(SHORT))
def test_a_keepalive_below_the_timeout_of_the_proxy_keeps_a_silent_stream(
    server: Running, tmp_path: Path, name: str
) -> None:
    with behind(name, server, tmp_path / name, SHORT[name]) as (port, _):
        with connected(port) as connection:
            connection.sendall(request("/events/idle"))
            answers = Answers(connection)
            answers.head()
            assert answers.until_cut() == b'data: {"number":0}\n\n'
        with connected(port) as connection:
            connection.sendall(request("/events/idle?keepalive=0.4"))
            answers = Answers(connection)
            answers.head()
            silent_until = monotonic() + 3
            while monotonic() < silent_until:
                assert answers.chunk()


def posted(port: int, path: str) -> tuple[socket.socket, Answers]:
    """Sends the head of an upload and its first item."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    headers = "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"
    connection.sendall(request(path, method="POST", headers=headers) + chunk(b'{"number":1}\n'))
    return connection, Answers(connection)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.mark.parametrize("name", NAMES)
def test_an_item_of_an_upload_arrives_before_the_next_is_sent(
    server: Running, ports: dict[str, tuple[int, int]], name: str
) -> None:
    key = new_key()
    connection, answers = posted(ports[name][0], f"/total?key={key}")
    with connection:
        server.note("item", key)
        connection.sendall(chunk(b'{"number":2}\n') + chunk(b""))
        assert answers.content(answers.head()) == b'{"total":3}'


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_an_item_is_answered_before_the_next_is_sent(ports: dict[str, tuple[int, int]], name: str) -> None:
    connection, answers = posted(ports[name][0], "/doubled")
    with connection:
        answers.head()
        assert answers.chunk() == b'{"number":2}\n'
        connection.sendall(chunk(b'{"number":2}\n') + chunk(b""))
        assert list(answers.chunks()) == [b'{"number":4}\n']


@pytest.mark.parametrize("setting", ["proxy_http_version 1.1;", "proxy_request_buffering off;"])
def test_nginx_holds_an_upload_back_without_either_setting(server: Running, tmp_path: Path, setting: str) -> None:
    key = new_key()
    with behind("nginx", server, tmp_path / "nginx", (setting, "")) as (port, _):
        connection, answers = posted(port, f"/total?key={key}")
        with connection:
            assert not server.has_noted("item", key, within=0.5)
            connection.sendall(chunk(b""))
            assert answers.content(answers.head()) == b'{"total":1}'


def test_haproxy_delays_items_without_its_option(server: Running, tmp_path: Path) -> None:
    with behind("haproxy", server, tmp_path / "with") as (port, _):
        assert quickest(port) < 0.1
    with behind("haproxy", server, tmp_path / "without", ("option http-no-delay", "")) as (port, _):
        assert quickest(port) > 0.15


def quickest(port: int) -> float:
    """Returns the seconds until a first item arrives, the least of several attempts."""
    seconds: list[float] = []
    for _ in range(5):
        with connected(port) as connection:
            asked_at = monotonic()
            connection.sendall(request("/lines/idle"))
            answers = Answers(connection)
            answers.head()
            answers.chunk()
            seconds.append(monotonic() - asked_at)
    return min(seconds)
