"""A stream that fails in the middle is a cut transfer to every client."""

import subprocess

import httpx
import pytest

from tests.programs import needs_program
from tests.servers.running import PATIENCE, Running
from tests.servers.wire import Answers, new_key, numbers, request

CURL_CUT = 18


def test_a_raw_socket_reads_a_cut_transfer(server: Running) -> None:
    key = new_key()
    with server.connect() as connection:
        connection.sendall(request(f"/lines/failing?key={key}"))
        answers = Answers(connection)
        assert answers.head().status == 200
        assert numbers(answers.until_cut()) == [0, 1, 2]

    assert server.note("closed", key).reason == "failed"


def test_an_array_that_parses_is_cut_too(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(request("/array/failing?items=1"))
        answers = Answers(connection)
        answers.head()
        assert answers.until_cut() == b'[{"number":0}]'


@needs_program("curl")
def test_curl_reports_a_cut_transfer(server: Running) -> None:
    curl = subprocess.run(
        ["curl", "--silent", "--no-buffer", "--max-time", f"{PATIENCE:g}", f"{server.url}/lines/failing"],
        capture_output=True,
        check=False,
    )

    assert curl.returncode == CURL_CUT
    assert numbers(curl.stdout) == [0, 1, 2]


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
