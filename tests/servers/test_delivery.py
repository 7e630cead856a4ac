"""The bytes that a client receives from each server, and when."""

from time import monotonic

import httpx
import msgspec
import pytest

from tests.servers.running import PATIENCE, Running
from tests.servers.wire import Answers, new_key, numbers, request

GRACE = 0.1
SLACK = 0.5


@pytest.mark.parametrize("path", ["/events/silent", f"/lines/silent?grace={GRACE}", f"/array/silent?grace={GRACE}"])
def test_the_headers_come_before_the_first_item(server: Running, path: str) -> None:
    with server.connect() as connection:
        asked_at = monotonic()
        connection.sendall(request(path))
        head = Answers(connection).head()
        waited = monotonic() - asked_at

    assert head.status == 200
    assert head.headers["transfer-encoding"] == "chunked"
    assert GRACE * 0.9 < waited < GRACE + SLACK


def test_an_item_is_sent_before_the_next_is_made(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(request("/lines/idle"))
        answers = Answers(connection)
        answers.head()
        assert answers.chunk() == b'{"number":0}\n'


def test_a_ping_comes_while_the_source_is_silent(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(request("/events/silent?keepalive=0.05"))
        answers = Answers(connection)
        answers.head()
        pings = [answers.chunk() for _ in range(3)]

    assert b"".join(ping or b"" for ping in pings).startswith(b": ping\n\n" * 2)


@pytest.mark.parametrize("path", ["/events/failing", "/lines/failing", "/array/failing"])
def test_a_failure_before_the_first_item_has_its_true_status(server: Running, path: str) -> None:
    response = httpx.get(f"{server.url}{path}?items=0&grace=5", timeout=PATIENCE, trust_env=False)

    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "The source broke.",
    }


@pytest.mark.parametrize("path", ["/events/never-pausing", "/lines/idle", "/array/silent"])
def test_head_is_answered_without_beginning_the_stream(server: Running, path: str) -> None:
    key = new_key()
    with server.connect() as connection:
        answers = Answers(connection)
        connection.sendall(request(f"{path}?key={key}", method="HEAD"))
        head = answers.head()
        connection.sendall(request("/health"))
        second = answers.head()
        assert msgspec.json.decode(answers.content(second))["pid"]

    assert head.status == second.status == 200
    assert head.headers["cache-control"] == ("no-cache, no-transform" if path.startswith("/events") else "no-cache")
    assert server.notes("opened", key) == []


def test_the_connection_is_kept_after_a_completed_stream(server: Running) -> None:
    with server.connect() as connection:
        answers = Answers(connection)
        for _ in range(3):
            connection.sendall(request("/lines/finite"))
            assert numbers(answers.content(answers.head())) == [0, 1, 2]


@pytest.mark.parametrize("wait_for_the_first_item", [False, True])
def test_a_request_that_comes_during_a_stream_is_answered_after_it(
    server: Running, *, wait_for_the_first_item: bool
) -> None:
    key = new_key()
    stream, second = request(f"/lines/finite?items=20&key={key}"), request("/health")
    with server.connect() as connection:
        answers = Answers(connection)
        connection.sendall(stream if wait_for_the_first_item else stream + second)
        head = answers.head()
        first_item = answers.chunk() or b""
        if wait_for_the_first_item:
            connection.sendall(second)
        assert numbers(first_item + answers.content(head)) == list(range(20))
        assert answers.head().status == 200

    assert server.note("closed", key).reason == "completed"
