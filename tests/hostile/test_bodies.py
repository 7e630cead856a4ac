"""Requests whose body nobody reads to its end: the status arrives, on every server, and nothing is read without end."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

import pytest
from msgspec import Struct

from jero import BaseApp, BearerAuth, Endpoint, TooManyRequests, Unauthorized
from jero.dispatch.unread import MESSAGE_BYTES, READ_ON_BYTES
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send
from jero.testing import AsyncTestClient
from tests.application import Application, http_scope
from tests.ports import free_port
from tests.programs import needs_program
from tests.servers.running import Running, running
from tests.servers.servers import SERVERS
from tests.servers.wire import Answers

SIZE = 20_000_000
PART = b"x" * 65_536


class Number(Struct):
    number: int


class Tokens(BearerAuth[str]):
    async def verify(self, token: str) -> str:
        raise Unauthorized


class WholeEndpoint(Endpoint, path="/whole"):
    async def post(self, content: bytes) -> int:
        return len(content)

    async def put(self, json: Number) -> int:
        return json.number


class ClosedEndpoint(Endpoint, path="/closed"):
    async def post(self, content: bytes) -> int:
        return len(content)


class IdleEndpoint(Endpoint, path="/idle"):
    """Reads no body."""

    async def post(self) -> str:
        return "well"

    async def get(self) -> str:
        return "well"

    async def delete(self) -> AsyncIterator[int]:
        yield 1


class ItemsEndpoint(Endpoint, path="/items"):
    """Reads one line, or none."""

    async def post(self, items: AsyncIterator[Number]) -> AsyncIterator[int]:
        async for item in items:
            yield item.number
            break

    async def put(self, items: AsyncIterator[Number]) -> int:
        return 7


async def limited(scope: Scope, receive: Receive, send: Send) -> None:
    raise TooManyRequests


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_middleware(_limit)
        for endpoint in (WholeEndpoint(), IdleEndpoint(), ItemsEndpoint()):
            self._include_endpoint(endpoint)
        self._include_endpoint(ClosedEndpoint(), auth=Tokens())


def _limit(app: ASGIApp) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await (limited if scope.get("path") == "/limited" else app)(scope, receive, send)

    return call


app = App()

NDJSON = "Content-Type: application/x-ndjson\r\n"
CASES = [
    ("POST", "/whole", "", 413),
    ("PUT", "/whole", "Content-Type: application/json\r\n", 413),
    ("POST", "/closed", "", 401),
    ("POST", "/closed", "Authorization: Bearer x\r\n", 401),
    ("POST", "/nothing", "", 404),
    ("POST", "/nothing/%ff", "", 400),
    ("PATCH", "/whole", "", 405),
    ("OPTIONS", "/whole", "", 204),
    ("POST", "/items", "Content-Type: text/plain\r\n", 415),
    ("POST", "/items", NDJSON + "Content-Encoding: gzip\r\n", 415),
    ("POST", "/items", NDJSON, 200),
    ("PUT", "/items", NDJSON, 200),
    ("POST", "/idle", "", 200),
    ("GET", "/nothing", "", 404),
    ("DELETE", "/idle", "", 200),
    ("POST", "/limited", "", 429),
]


def body() -> Iterator[bytes]:
    """Yields `SIZE` bytes: one line of JSON, and then others that are not."""
    yield b'{"number":1}\n'.ljust(len(PART), b"\n")
    for _ in range(SIZE // len(PART) - 1):
        yield PART


def answer(port: int, method: str, target: str, headers: str, *, is_chunked: bool) -> bytes:
    """Sends a whole request before it reads. Returns everything that the server sends, to the end of the connection."""
    length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {SIZE // len(PART) * len(PART)}"
    head = f"{method} {target} HTTP/1.1\r\nHost: test\r\n{headers}{length}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(head.encode())
        for part in body():
            connection.sendall(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
        if is_chunked:
            connection.sendall(b"0\r\n\r\n")
        received = b""
        while data := connection.recv(65_536):
            received += data
    return received


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def process(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(request.param, "tests.hostile.test_bodies:app") as process:
        yield process


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
@pytest.mark.parametrize(("method", "target", "headers", "status"), CASES)
def test_the_status_arrives_at_a_client_that_sends_its_whole_body_first(
    process: Running, method: str, target: str, headers: str, status: int, *, is_chunked: bool
) -> None:
    received = answer(process.port, method, target, headers, is_chunked=is_chunked)
    assert received.startswith(b"HTTP/1.1 %d" % status), received[:200]
    if status == 200 and target == "/items" and method == "POST":
        assert b"0\r\n\r\n" in received


NGINX = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    client_max_body_size 100m;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:{upstream}; {settings} }}
    }}
}}
"""


@contextmanager
def nginx(upstream: int, settings: str, directory: Path) -> Generator[int, None, None]:
    """Runs nginx before the server, and returns its port."""
    port = free_port()
    configuration = NGINX.format(directory=directory, port=port, upstream=upstream, settings=settings)
    (directory / "nginx.conf").write_text(configuration, "utf-8")
    command = ["nginx", "-e", str(directory / "error.log"), "-c", str(directory / "nginx.conf")]
    process = subprocess.Popen(command)
    try:
        deadline = monotonic() + 20
        while monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()


@needs_program("nginx")
@pytest.mark.parametrize(
    "settings", ["", "proxy_http_version 1.1; proxy_request_buffering off;"], ids=["as it is", "unbuffered"]
)
def test_the_status_arrives_through_nginx(process: Running, settings: str, tmp_path: Path) -> None:
    with nginx(process.port, settings, tmp_path) as port:
        for number, (method, target, headers, status) in enumerate(CASES[::3]):
            received = answer(port, method, target, headers, is_chunked=number % 2 == 1)
            assert received.startswith(b"HTTP/1.1 %d" % status), (method, target, received[:200])


def test_a_client_that_expects_100_continue_is_answered_without_its_body(process: Running) -> None:
    head = f"POST /whole HTTP/1.1\r\nHost: test\r\nContent-Length: {SIZE}\r\nExpect: 100-continue\r\n\r\n"
    with process.connect() as connection:
        connection.settimeout(5)
        connection.sendall(head.encode())
        answers = Answers(connection)
        found = answers.head()
        if found.status == 100:  # hypercorn sends it without being asked
            found = answers.head()
        assert found.status == 413


def test_a_client_may_send_the_rest_after_a_pause(process: Running) -> None:
    head = f"POST /closed HTTP/1.1\r\nHost: test\r\nContent-Length: {SIZE}\r\n\r\n"
    with process.connect() as connection:
        connection.sendall(head.encode())
        sleep(0.3)
        left = SIZE
        for part in body():
            connection.sendall(part)
            left -= len(part)
        connection.sendall(b"x" * left)
        answers = Answers(connection)
        found = answers.head()
        assert found.status == 401
        assert b"unauthorized" in answers.content(found)


class Client:
    """The server's side of one request, in process: it counts what the application receives."""

    def __init__(self, part: bytes, count: int, *, is_silent: bool = False) -> None:
        self._part = part
        self._left = count
        self._is_silent = is_silent
        self.received = 0
        self.bytes = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self._left == 0:
            if self._is_silent:
                await asyncio.get_running_loop().create_future()
            return {"type": "http.disconnect"}
        self._left -= 1
        self.received += 1
        self.bytes += len(self._part)
        return {"type": "http.request", "body": self._part, "more_body": self._left > 0 or self._is_silent}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


async def exchange(client: Client, method: str, target: str, *headers: tuple[bytes, bytes]) -> Client:
    app = Application(WholeEndpoint(), IdleEndpoint(), ItemsEndpoint())
    async with AsyncTestClient(app):
        scope = http_scope(method, target, headers=[(b"transfer-encoding", b"chunked"), *headers])
        await app(scope, client.receive, client.send)
    return client


def is_whole(sent: list[Message]) -> bool:
    """Returns whether the messages are one response with a start and an end."""
    ends = [not message.get("more_body", False) for message in sent[1:]]
    return sent[0]["type"] == "http.response.start" and ends == [False] * (len(ends) - 1) + [True]


@pytest.mark.parametrize("part", [b"", b"x", b"x" * 1_000_000])
@pytest.mark.parametrize(("method", "target"), [("POST", "/whole"), ("POST", "/nothing"), ("POST", "/idle")])
async def test_an_endless_body_is_read_only_to_a_limit(part: bytes, method: str, target: str) -> None:
    client = await exchange(Client(part, 1_000_000), method, target)
    assert is_whole(client.sent)
    limit = 2_000_000 if target == "/whole" else 0  # what the endpoint reads before it refuses
    assert client.bytes <= READ_ON_BYTES + len(part) + limit
    if target != "/whole":
        assert client.received <= READ_ON_BYTES // MESSAGE_BYTES


@pytest.mark.parametrize(("method", "target"), [("POST", "/nothing"), ("POST", "/idle"), ("DELETE", "/idle")])
async def test_a_client_that_falls_silent_gets_the_end_of_its_response(
    method: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jero.dispatch.unread.SILENCE_SECONDS", 0.2)
    client = await exchange(Client(b"x", 3, is_silent=True), method, target)
    assert is_whole(client.sent)
    assert client.received == 3


async def test_a_client_that_drips_gets_the_end_of_its_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jero.dispatch.unread.READ_ON_SECONDS", 0.3)

    class Dripping(Client):
        async def receive(self) -> Message:
            await asyncio.sleep(0.01)
            return await super().receive()

    client = await exchange(Dripping(b"x", 1_000_000), "POST", "/nothing")
    assert is_whole(client.sent)
    assert client.received <= 60


async def test_a_client_that_expects_100_continue_is_not_asked_for_its_body() -> None:
    client = await exchange(Client(b"x", 5), "POST", "/nothing", (b"expect", b"100-continue"))
    assert (client.received, len(client.sent)) == (0, 2)


async def test_a_body_that_was_read_is_not_read_on() -> None:
    client = await exchange(Client(b"{", 1, is_silent=False), "PUT", "/whole", (b"content-type", b"application/json"))
    assert client.sent[0]["status"] == 400
    assert (client.received, len(client.sent)) == (1, 2)


async def test_a_failure_of_receive_does_not_lose_the_response() -> None:
    class Failing(Client):
        async def receive(self) -> Message:
            raise RuntimeError("a middleware is broken")

    client = await exchange(Failing(b"", 0), "POST", "/nothing")
    assert [message.get("status") for message in client.sent] == [404, None]


async def test_a_cancellation_ends_the_reading() -> None:
    app = Application(IdleEndpoint())
    is_reading = asyncio.Event()

    async def receive() -> Message:
        is_reading.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async with AsyncTestClient(app):
        scope = http_scope("POST", "/nothing", headers=[(b"content-length", b"10")])
        request = asyncio.create_task(app(scope, receive, Client(b"", 0).send))
        await is_reading.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
