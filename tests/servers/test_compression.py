"""Streams through Starlette's GZip middleware: complete, as prompt as without it, and cut if they fail."""

import zlib
from collections.abc import Iterator
from time import monotonic

import httpx
import pytest

from tests.servers.conftest import named
from tests.servers.leaving import NOTICED_WITHIN, time_to_teardown
from tests.servers.running import PATIENCE, Running, running
from tests.servers.servers import GRANIAN, HYPERCORN, UVICORN
from tests.servers.wire import Answers, numbers, request

SLACK = 0.5
ACCEPT_GZIP = "Accept-Encoding: gzip\r\n"


@pytest.fixture(scope="module", params=[UVICORN, GRANIAN, HYPERCORN], ids=named)
def compressing(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Runs a server whose streams are compressed, server-sent events included."""
    with running(request.param, "tests.servers.compressed:all_types") as server:
        yield server


class Inflated:
    """Decompresses a body as it arrives."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def until(self, end: bytes) -> bytes:
        """Reads until the plain bytes contain `end`, and returns them."""
        received = b""
        while end not in received:
            chunk = self._answers.chunk()
            assert chunk is not None, f"the body ended after {received!r}"
            received += self._inflate.decompress(chunk)
        return received

    def until_cut(self) -> bytes:
        """Returns the plain bytes of a transfer that is cut."""
        return self._inflate.decompress(self._answers.until_cut())


@pytest.mark.parametrize("form", ["lines", "events", "array"])
def test_a_compressed_stream_has_the_same_bytes(compressing: Running, form: str) -> None:
    url = f"{compressing.url}/{form}/finite?items=20"
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
        plain = client.get(url, headers={"Accept-Encoding": "identity"})
        compressed = client.get(url, headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.content == plain.content
    assert plain.content.count(b'"number":') == 20


@pytest.mark.parametrize(("form", "end"), [("lines", b"\n"), ("events", b"\n\n")])
def test_an_item_arrives_before_the_next_is_made(compressing: Running, form: str, end: bytes) -> None:
    with compressing.connect() as connection:
        connection.sendall(request(f"/{form}/idle", headers=ACCEPT_GZIP))
        answers = Answers(connection)
        assert answers.head().headers["content-encoding"] == "gzip"
        assert Inflated(answers).until(end).endswith(b'{"number":0}' + end)


def test_the_headers_come_before_the_first_item(compressing: Running) -> None:
    with compressing.connect() as connection:
        asked_at = monotonic()
        connection.sendall(request("/events/silent", headers=ACCEPT_GZIP))
        assert Answers(connection).head().headers["content-encoding"] == "gzip"
        assert monotonic() - asked_at < 0.1 + SLACK


@pytest.mark.parametrize("path", ["/events/idle", "/lines/busy", "/lines/never-pausing"])
def test_a_client_that_leaves_is_noticed(compressing: Running, path: str) -> None:
    assert time_to_teardown(compressing, path, headers=ACCEPT_GZIP) < NOTICED_WITHIN + SLACK


def test_a_broken_stream_is_cut(compressing: Running) -> None:
    with compressing.connect() as connection:
        connection.sendall(request("/lines/failing", headers=ACCEPT_GZIP))
        answers = Answers(connection)
        assert answers.head().headers["content-encoding"] == "gzip"
        assert numbers(Inflated(answers).until_cut()) == [0, 1, 2]


def test_a_failure_before_the_first_item_has_its_true_status(compressing: Running) -> None:
    response = httpx.get(f"{compressing.url}/lines/failing?items=0", timeout=PATIENCE, trust_env=False)

    assert response.status_code == 409
    assert response.json()["type"] == "conflict"


def test_the_default_settings_compress_lines_and_not_events() -> None:
    encodings: list[str | None] = []
    with running(UVICORN, "tests.servers.compressed:with_defaults") as server:
        for path in ("/events/finite", "/lines/finite"):
            response = httpx.get(
                server.url + path, timeout=PATIENCE, trust_env=False, headers={"Accept-Encoding": "gzip"}
            )
            encodings.append(response.headers.get("content-encoding"))

    assert encodings == [None, "gzip"]
