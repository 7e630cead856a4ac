"""A stream that breaks in the middle looks broken to every client."""

import subprocess

import httpx
import pytest

from tests.programs import needs_program
from tests.servers.running import PATIENCE, Running
from tests.servers.wire import Answers, new_key, numbers, request

CURL_CUT = 18


def test_to_a_raw_socket(server: Running) -> None:
    key = new_key()
    with server.connect() as connection:
        connection.sendall(request(f"/lines/failing?key={key}"))
        answers = Answers(connection)
        assert answers.head().status == 200
        assert numbers(answers.until_cut()) == [0, 1, 2]

    assert server.note("closed", key).reason == "failed"


def test_an_array_that_parses_is_cut_all_the_same(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(request("/array/failing?items=1"))
        answers = Answers(connection)
        answers.head()
        assert answers.until_cut() == b'[{"number":0}]'


@needs_program("curl")
def test_to_curl(server: Running) -> None:
    curl = subprocess.run(
        ["curl", "--silent", "--no-buffer", "--max-time", f"{PATIENCE:g}", f"{server.url}/lines/failing"],
        capture_output=True,
        check=False,
    )

    assert curl.returncode == CURL_CUT
    assert numbers(curl.stdout) == [0, 1, 2]


def test_to_httpx(server: Running) -> None:
    with httpx.stream("GET", f"{server.url}/lines/failing", timeout=PATIENCE, trust_env=False) as response:
        received: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(response.iter_raw())

    assert numbers(b"".join(received)) == [0, 1, 2]


def test_an_event_stream_tells_and_ends_properly(server: Running) -> None:
    response = httpx.get(f"{server.url}/events/failing", timeout=PATIENCE, trust_env=False)

    assert response.text.count("data: ") == 4
    assert "event: error\ndata: {" in response.text
