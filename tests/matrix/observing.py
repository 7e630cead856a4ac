"""Observes all cells of one server at the same time."""

import os
import signal
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from urllib.parse import quote

from tests.matrix.cells import CELLS, Cell, Way
from tests.matrix.clients import PATIENCE, Seen, curl_command, read, read_late, seen_by_curl
from tests.matrix.feeds import three_items
from tests.matrix.proxies import nginx
from tests.matrix.verdicts import framed
from tests.ports import free_port
from tests.servers.running import Running, running
from tests.servers.servers import Server

AT_ONCE = 24
# One `server` of nginx listens on two ports: nginx 1.22 speaks HTTP/2 without TLS only on a port of its own.
NGINX_SERVER = """\
    upstream server_{port} {{ server 127.0.0.1:{upstream}; {keepalive} }}
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{http2_port} http2;
        location / {{
            proxy_pass http://server_{port};
            {options}
        }}
    }}
"""
NGINX_OPTIONS = {
    "nginx 1.0": "",
    "nginx 1.1": 'proxy_http_version 1.1; proxy_set_header Connection "";',
}


# The applications, by what stands around the feeds. nginx stands before the first.
APPS = {"straight": "app", "inside": "inside", "included": "included"}


@dataclass(frozen=True)
class Place:
    """A server that runs each application, and the ports to which clients connect."""

    servers: dict[str, Running]
    ports: dict[tuple[str, str], int]

    def port(self, way: Way) -> int:
        """Returns the port to which the client of this way connects."""
        return self.ports[way.between, way.protocol] if way.is_behind_nginx else self.server(way).port

    def server(self, way: Way) -> Running:
        """Returns the server at the end of the way."""
        return self.servers["straight" if way.is_behind_nginx else way.between]

    def url(self, cell: Cell) -> str:
        """Returns the address of the cell's stream."""
        return f"http://127.0.0.1:{self.port(cell.way)}{path(cell)}"


def path(cell: Cell) -> str:
    """Returns the path of the cell's stream."""
    return f"/{cell.form}/{quote(cell.ending)}?key={quote(cell.key)}"


@contextmanager
def place(server: Server, directory: Path) -> Generator[Place, None, None]:
    """Runs the server once for each application, and nginx in front of one."""
    options = ("--graceful-timeout", "5", "--keep-alive", "60") if server.name == "hypercorn" else ()
    with ExitStack() as stack:
        servers = {
            between: stack.enter_context(running(server, f"tests.matrix.feeds:{app}", *options))
            for between, app in APPS.items()
        }
        ports: dict[tuple[str, str], int] = {}
        content = ""
        for between, settings in NGINX_OPTIONS.items():
            port, http2_port = free_port(), free_port()
            ports |= {(between, "1.0"): port, (between, "1.1"): port, (between, "2"): http2_port}
            keepalive = "keepalive 16;" if settings else ""
            upstream = servers["straight"].port
            content += NGINX_SERVER.format(
                port=port, http2_port=http2_port, upstream=upstream, keepalive=keepalive, options=settings
            )
        stack.enter_context(nginx(directory, content, *ports.values()))
        yield Place(servers, ports)


def observed(server: Server, directory: Path) -> dict[Cell, Seen]:
    """Returns what the client of each cell of the server sees."""
    cells = [cell for cell in CELLS if cell.way.server is server]
    with place(server, directory) as there, ThreadPoolExecutor(len(cells)) as threads:
        with ThreadPoolExecutor(AT_ONCE) as some:
            seen = {
                cell: threads.submit(_stalled, there, cell)
                if cell.ending == "stalled"
                else some.submit(read, there.url(cell), cell.way.protocol)
                for cell in cells
                if cell.ending != "shutdown"
            }
            results = {cell: future.result() for cell, future in seen.items()}
        return results | _at_shutdown(there, [cell for cell in cells if cell.ending == "shutdown"])


def _stalled(there: Place, cell: Cell) -> Seen:
    """Reads nothing until the server has ended the stream, or has sent all of it. Then reads what there is."""
    server = there.server(cell.way)

    def wait() -> None:
        deadline = monotonic() + PATIENCE
        while not (server.notes("closed", cell.key) or server.notes("flooded", cell.key)) and monotonic() < deadline:
            sleep(0.05)

    seen = read_late(there.port(cell.way), path(cell), cell.way.protocol, wait)
    reasons = [note.reason for note in server.notes("closed", cell.key)]
    return seen if reasons == ["stalled"] else Seen(seen.status, seen.body, "unnoticed", f"closed: {reasons}")


def _at_shutdown(there: Place, cells: list[Cell]) -> dict[Cell, Seen]:
    """Opens the streams of all cells, ends the servers when the items are there, and returns the responses."""
    curls = {cell: _Curl(there.url(cell), cell.way.protocol) for cell in cells}
    for cell, curl in curls.items():
        curl.wait_for(len(framed(cell.form, three_items())))
    for server in there.servers.values():
        server.interrupt(signal.SIGTERM)
    return {cell: curl.seen() for cell, curl in curls.items()}


class _Curl:
    """A curl that reads while the test goes on."""

    def __init__(self, url: str, protocol: str) -> None:
        self._process = subprocess.Popen(
            curl_command(url, protocol, 2 * PATIENCE), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._body = bytearray()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, size: int) -> None:
        """Waits until that number of bytes has come, or until it is clear that they will not."""
        deadline = monotonic() + PATIENCE
        while len(self._body) < size and self._reader.is_alive() and monotonic() < deadline:
            sleep(0.01)

    def seen(self) -> Seen:
        """Returns the whole response."""
        self._reader.join()
        assert self._process.stderr is not None
        errors = self._process.stderr.read().decode()
        self._process.stderr.close()
        return seen_by_curl(self._process.wait(), bytes(self._body), errors)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            while data := os.read(output.fileno(), 65_536):
                self._body += data
