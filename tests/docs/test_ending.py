"""Ends a stream in each way, in each format, under uvicorn, and compares docs/ending.md with what is seen."""

import re
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import get_args

from jero.policy import EndReason
from tests.docs.program import PATIENCE, ROOT, Program
from tests.servers.wire import Answers, request

FORMATS = ("NDJSON", "Array", "SSE", "Events", "Raw")
PAGE = ROOT / "docs/ending.md"
# What two items look like in each format. An array is not closed by them.
ITEMS = {
    "NDJSON": b'"1"\n"1"\n',
    "Array": b'["1","1"',
    "SSE": b"data: 1\n\ndata: 1\n\n",
    "Events": b"data: 1\n\ndata: 1\n\n",
    "Raw": b"1\n1\n",
}
# What may follow, and the words of the page for it.
REMAINDERS = ((rb"", ""), (rb"\]", "`]`, "), (rb"event: error\ndata: \{.*\}\n\n", "`event: error`, "))
RETRY = (rb"retry: \d{4}\n\n", "`retry:`, ")
CUT_BY_UVICORN = "ASGI callable returned without completing response"


@dataclass(frozen=True)
class Seen:
    """Contains what was seen of one way: in the clients, by format, and in the lines of the server."""

    clients: dict[str, str]
    lines: list[str]

    def said(self, of: str) -> str:
        """Returns what the sources, or their context managers, saw. All five saw the same."""
        (found,) = {line.partition(f": {of}: ")[2] for line in self.lines if re.match(rf"(\w+): {of}: ", line)}
        return {"-": "-", "OSError": "the exception"}.get(found, f"`{found}`")

    @property
    def reason(self) -> str:
        (found,) = {match[1] for line in self.lines if (match := re.match(r"log: INFO: GET \w+: (\w+) after", line))}
        return f"`{found}`"

    @property
    def logged(self) -> str:
        """Returns what is logged besides the line of each stream."""
        others = [line for line in self.lines if line.startswith("log: ") and "log: INFO: " not in line]
        assert all(re.match(r"log: ERROR: GET \w+: the stream failed after 2 items, with a", line) for line in others)
        assert len(others) in {0, len(FORMATS)}
        return "ERROR, with the traceback" if others else "-"

    @property
    def cuts(self) -> int:
        return sum(CUT_BY_UVICORN in line for line in self.lines)


class Client:
    """A client of one stream on a connection of its own."""

    def __init__(self, port: int, path: str, name: str) -> None:
        self.name = name
        self.connection = socket.socket()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.connection.settimeout(PATIENCE)
        self.connection.connect(("127.0.0.1", port))
        self.connection.sendall(request(path, headers="X-Session: 1\r\n"))
        self.answers = Answers(self.connection)

    def read_items(self) -> None:
        head = self.answers.head()
        assert (head.status, head.headers["transfer-encoding"]) == (200, "chunked")
        received = b""
        while len(received) < len(ITEMS[self.name]):
            received += self.answers.chunk() or b""
        assert received == ITEMS[self.name]

    def read_end(self) -> str:
        """Returns what follows the items, in the words of the page."""
        received, how = b"", "end"
        try:
            for chunk in self.answers.chunks():
                received += chunk
        except EOFError:
            how = "cut"
        except ConnectionResetError:
            return "reset"
        finally:
            self.connection.close()
        for pattern, words in (*REMAINDERS, RETRY):
            if re.fullmatch(pattern, received):
                return words + how
        raise AssertionError(received)


class Server:
    """uvicorn with the streams of `ending_streams`."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.port = int(program.line_with("Uvicorn running on ").split()[4].rpartition(":")[2])

    def post(self, path: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(request(path, method="POST"))
            assert Answers(connection).head().status == 204

    def status(self, path: str, act: Callable[[], None] | None = None) -> str:
        """Returns the status of a stream that ends before its first item, of itself or when `act` is called."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(request(path, headers="X-Session: 1\r\n"))
            if act is not None:
                self.program.line_with("NDJSON: waits")
                act()
            return str(Answers(connection).head().status)

    def lines(self) -> list[str]:
        """Returns the lines since the last call, when all five streams are over."""
        lines: list[str] = []
        while sum(line.startswith("log: INFO: ") for line in lines) < len(FORMATS):
            lines.append(self.program.line())
        self.post("/mark")
        while (line := self.program.line()) != "mark":
            lines.append(line)
        return lines

    @contextmanager
    def clients(self, way: str, prefix: str = "") -> Generator[list[Client], None, None]:
        """Opens a stream of each format, and reads its items."""
        with ExitStack() as stack:
            clients = [Client(self.port, f"{prefix}/{name}/{way}", name) for name in FORMATS]
            for client in clients:
                stack.enter_context(client.connection)
                client.read_items()
            yield clients

    def see(self, way: str, prefix: str = "", act: Callable[[], None] | None = None) -> Seen:
        """Returns what is seen of streams that end of themselves, or when `act` is called."""
        with self.clients(way, prefix) as clients:
            if act is not None:
                act()
            ends = {client.name: client.read_end() for client in clients}
        return Seen(ends, self.lines())

    def see_clients_leave(self) -> Seen:
        with self.clients("wait"):
            pass
        return Seen(dict.fromkeys(FORMATS, "-"), self.lines())

    def see_stalls(self) -> Seen:
        with self.clients("flood") as clients:
            lines = self.lines()
            ends = {client.name: client.read_end() for client in clients}
        return Seen(ends, lines)

    def see_shutdown(self) -> tuple[Seen, str]:
        """Returns what is seen, and the status of a stream without an item."""
        with self.clients("shutdown") as clients:
            status = self.status("/NDJSON/nothing-shutdown", self.program.terminate)
            ends = {client.name: client.read_end() for client in clients}
        return Seen(ends, self.program.rest()), status


@cache
def seen() -> tuple[dict[str, Seen], dict[str, str]]:
    """Returns what is seen of each way, and the statuses of those that end before an item, by the words of the page."""
    command = [sys.executable, "-m", "uvicorn", "tests.docs.ending_streams:app", "--port", "0", "--no-access-log"]
    with Program(command) as program:
        server = Server(program)
        stop = partial(server.post, "/stop")
        ways = {
            "the source ends": server.see("complete"),
            "the source raises": server.see("fail"),
            "the client leaves": server.see_clients_leave(),
            "the client takes nothing": server.see_stalls(),
            "`max_duration` is over": server.see("expire"),
            "the credentials expire": server.see("wait", "/credentials"),
            "an operator stops it": server.see("wait", act=stop),
        }
        statuses = {
            "the source raises": server.status("/NDJSON/nothing-fail"),
            "`max_duration` is over": server.status("/NDJSON/nothing-expire"),
            "the credentials expire": server.status("/credentials/NDJSON/nothing-wait"),
            "an operator stops it": server.status("/NDJSON/nothing-wait", stop),
        }
        server.post("/mark")
        program.line_with("mark")
        ways["the server shuts down"], statuses["the server shuts down"] = server.see_shutdown()
    return ways, statuses


def tables() -> list[dict[str, list[str]]]:
    """Returns the tables of the page: the cells of each row, by its first cell."""
    found: list[dict[str, list[str]]] = []
    for table in re.findall(r"(?:^\|.*\n)+", PAGE.read_text("utf-8"), re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        found.append({way: cells for way, *cells in rows[2:]})
    return found


def test_the_page_shows_what_the_server_sees() -> None:
    ways, statuses = seen()
    in_server = {way: [of.reason, of.said("source"), of.said("manager"), of.logged] for way, of in ways.items()}
    in_clients = {way: [*(of.clients[name] for name in FORMATS), statuses.get(way, "-")] for way, of in ways.items()}
    assert tables() == [in_server, in_clients]


def test_uvicorn_logs_each_cut() -> None:
    ways, _ = seen()
    assert {way: of.cuts for way, of in ways.items()} == {
        way: list(of.clients.values()).count("cut") for way, of in ways.items()
    }


def test_each_reason_has_its_way_and_its_drawing() -> None:
    in_server, in_clients = tables()
    assert {cells[0].strip("`") for cells in in_server.values()} == set(get_args(EndReason))
    assert list(in_server) == list(in_clients)
    drawn = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"outcome: (\w+)", "".join(drawn))) == set(get_args(EndReason))
