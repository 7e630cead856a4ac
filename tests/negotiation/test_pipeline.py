"""A pipeline over a real server: a million lines in and a million out, at the same time, in constant memory."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.programs import needs_program
from tests.servers.running import Running, running
from tests.servers.servers import SERVERS, UVICORN, Server
from tests.servers.wire import Answers

LINES = 1_000_000
LINES_A_PART = 1_000
MIB_OVER_IDLE = 60
MALFORMED_LINE = 500_000


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    kind: Server = request.param
    with running(kind, "tests.negotiation.pipeline:app") as server:
        yield server


@pytest.fixture(scope="module")
def uvicorn() -> Iterator[Running]:
    with running(UVICORN, "tests.negotiation.pipeline:app") as server:
        yield server


def line(number: int) -> bytes:
    return b'{"id":%d,"name":"item %d","price":1.5}\n' % (number, number)


def parts(lines: int, *, malformed: int | None = None) -> Iterator[bytes]:
    """Yields the bytes of the lines, numbered from 1. The line with the number `malformed` has an invalid id."""
    for start in range(1, lines + 1, LINES_A_PART):
        numbers = range(start, min(start + LINES_A_PART, lines + 1))
        yield b"".join(b'{"id":"none"}\n' if number == malformed else line(number) for number in numbers)


class Upload:
    """A request whose body is sent by a thread, while the test reads the response."""

    def __init__(
        self, connection: socket.socket, method: str, path: str, body: Iterator[bytes], headers: str = ""
    ) -> None:
        self._connection = connection
        self._body = body
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-ndjson\r\n"
            f"Transfer-Encoding: chunked\r\n{headers}\r\n".encode()
        )
        self._thread = Thread(target=self._send, name="upload", daemon=True)
        self._thread.start()
        self.answers = Answers(connection)

    def end(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _send(self) -> None:
        with suppress(OSError):  # a server need not read a refused body to its end
            for part in self._body:
                self._connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            self._connection.sendall(b"0\r\n\r\n")


def memory(server: Running) -> int:
    return int(httpx.get(f"{server.url}/memory", trust_env=False).json())


def test_a_million_lines_in_and_out_need_constant_memory(uvicorn: Running) -> None:
    idle = memory(uvicorn)
    last = b""
    answered = 0
    with uvicorn.connect() as connection:
        upload = Upload(connection, "POST", "/pipeline", parts(LINES))
        assert upload.answers.head().status == 200
        for chunk in upload.answers.chunks():
            answered += chunk.count(b"\n")
            last = chunk
        upload.end()
    assert answered == LINES
    assert json.loads(last.splitlines()[-1]) == {"id": LINES, "total": 3.0}
    assert memory(uvicorn) - idle < MIB_OVER_IDLE * 1024


def test_the_refusal_of_a_malformed_line_names_its_number(uvicorn: Running) -> None:
    idle = memory(uvicorn)
    with uvicorn.connect() as connection:
        upload = Upload(connection, "PUT", "/pipeline", parts(LINES, malformed=MALFORMED_LINE))
        head = upload.answers.head()
        problem = json.loads(upload.answers.content(head))
        connection.shutdown(socket.SHUT_RDWR)
        upload.end()
    assert (head.status, problem["type"]) == (422, "unprocessable-content")
    assert problem["detail"] == f"Line {MALFORMED_LINE}: Expected `int`, got `str` - at `$.id`"
    assert problem["errors"][0]["loc"] == ["items", MALFORMED_LINE, "id"]
    assert memory(uvicorn) - idle < MIB_OVER_IDLE * 1024


def test_a_malformed_line_in_mid_stream_cuts_the_events(uvicorn: Running) -> None:
    with uvicorn.connect() as connection:
        body = parts(LINES, malformed=MALFORMED_LINE)
        upload = Upload(connection, "POST", "/pipeline", body, "Accept: text/event-stream\r\n")
        assert upload.answers.head().status == 200
        received = upload.answers.until_cut()
        with suppress(OSError):  # the server has reset it
            connection.shutdown(socket.SHUT_RDWR)
        upload.end()
    assert 0 < received.count(b"\n\n") < MALFORMED_LINE  # a reset may take the last ones with it
    assert b"event: error" not in received


def test_a_large_body_of_bytes_needs_constant_memory(uvicorn: Running) -> None:
    idle = memory(uvicorn)
    part = b"a" * 1_000_000
    with httpx.Client(base_url=uvicorn.url, trust_env=False) as client:
        assert client.post("/bytes", content=iter([part] * 200)).json() == 200_000_000
    assert memory(uvicorn) - idle < MIB_OVER_IDLE * 1024


def test_both_directions_run_at_once(server: Running) -> None:
    """Sends each line after the answer to the line before it."""
    with server.connect() as connection:
        connection.sendall(request_head("POST"))
        answers = Answers(connection)
        for number in range(20):
            connection.sendall(chunk(line(number)))
            if number == 0:
                assert answers.head().status == 200
            assert answers.chunk() == b'{"id":%d,"total":3.0}\n' % number
        connection.sendall(b"0\r\n\r\n")
        assert answers.chunk() is None


def test_a_client_that_leaves_before_the_end_of_its_body_ends_the_stream(server: Running) -> None:
    ended = len(server.notes("ended", "disconnected"))
    with server.connect() as connection:
        connection.sendall(request_head("POST") + chunk(line(1)))
        answers = Answers(connection)
        assert answers.head().status == 200
        assert answers.chunk()
    server.wait_for("ended", "disconnected", count=ended + 1)


def request_head(method: str, path: str = "/pipeline", headers: str = "") -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/jsonl\r\n"
        f"Transfer-Encoding: chunked\r\n{headers}\r\n"
    ).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/pipeline", b"not read"),
        ("PUT", "/pipeline?stop_after=2", b"2"),
        ("POST", "/pipeline?stop_after=1", b'{"id":1,"total":3.0}\n'),
    ],
)
def test_a_handler_need_not_read_the_body_to_its_end(server: Running, method: str, path: str, body: bytes) -> None:
    """The body is small and has arrived, so the connection can be used again, or is closed properly."""
    with server.connect() as connection:
        upload = Upload(connection, method, path, parts(10))
        upload.end()
        head = upload.answers.head()
        assert (head.status, upload.answers.content(head)) == (200, body)
        with suppress(OSError, EOFError):
            connection.sendall(b"GET /memory HTTP/1.1\r\nHost: test\r\n\r\n")
            assert upload.answers.head().status == 200


def test_a_handler_that_stops_within_a_large_body_blocks_nothing(server: Running) -> None:
    with server.connect() as connection:
        upload = Upload(connection, "POST", "/pipeline?stop_after=3", parts(200_000))
        head = upload.answers.head()
        assert upload.answers.content(head).count(b"\n") == 3
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        upload.end()
    assert memory(server) > 0


def test_a_client_that_expects_100_continue_is_answered(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(request_head("POST", headers="Expect: 100-continue\r\n"))
        answers = Answers(connection)
        assert answers.head().status == 100
        connection.sendall(chunk(line(1)) + b"0\r\n\r\n")
        head = answers.head()
        assert (head.status, answers.content(head)) == (200, b'{"id":1,"total":3.0}\n')


@needs_program("curl")
def test_curl_sends_and_reads_at_the_same_time(uvicorn: Running, tmp_path: Path) -> None:
    file = tmp_path / "rows.ndjson"
    file.write_bytes(b"".join(parts(100_000)))
    command = ["curl", "-sS", "-N", "--noproxy", "*", "--max-time", "20", "-T", str(file), "-X", "POST"]
    command += ["-H", "Content-Type: application/x-ndjson", f"{uvicorn.url}/pipeline"]
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    assert [json.loads(line)["id"] for line in printed.splitlines()] == list(range(1, 100_001))
