"""The client leaves while a handler runs: the handler is cancelled if its endpoint says so."""

import pytest

from tests.servers.leaving import Leave, close, half_close, reset
from tests.servers.running import Running
from tests.servers.wire import Answers, new_key, request


def posted(path: str, body: bytes) -> bytes:
    headers = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return request(path, method="POST", headers=headers) + body


def work(key: str, method: str, grace: float | None = None) -> bytes:
    """Returns a request for work that takes `grace` seconds, or does not end."""
    path = f"/working?key={key}" + ("" if grace is None else f"&grace={grace}")
    return request(path) if method == "GET" else posted(path, b'{"number":0}')


@pytest.mark.parametrize("leave", [close, reset, half_close])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_handler_whose_client_leaves_is_cancelled(server: Running, method: str, leave: Leave) -> None:
    key = new_key()
    with server.connect() as connection:
        connection.sendall(work(key, method))
        server.note("opened", key)
        leave(connection)
        assert server.note("closed", key).reason == "cancelled"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_is_kept_after_a_watched_handler(server: Running, method: str) -> None:
    with server.connect() as connection:
        answers = Answers(connection)
        for _ in range(3):
            key = new_key()
            connection.sendall(work(key, method, grace=0.01))
            assert answers.content(answers.head()) == key.encode()
            assert server.note("closed", key).reason == "returned"


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    keys = [new_key() for _ in range(3)]
    with server.connect() as connection:
        connection.sendall(b"".join(work(key, "GET", grace=0.01) for key in keys))
        answers = Answers(connection)
        for key in keys:
            assert answers.content(answers.head()) == key.encode()
    assert {server.note("closed", key).reason for key in keys} == {"returned"}


def test_a_stream_that_the_handler_returns_ends_when_its_client_leaves(server: Running) -> None:
    key = new_key()
    with server.connect() as connection:
        connection.sendall(posted(f"/working?key={key}", b'{"number":1}'))
        answers = Answers(connection)
        answers.head()
        answers.chunk()
    assert server.note("closed", key).reason == "disconnected"


def test_nothing_is_logged_as_an_error(server: Running) -> None:
    key = new_key()
    with server.connect() as connection:
        connection.sendall(work(key, "GET"))
        server.note("opened", key)
    server.note("closed", key)
    with server.connect() as connection:  # one more request, so that the server has ended the first
        connection.sendall(work(new_key(), "GET", grace=0.0))
        Answers(connection).head()
    assert not server.errors, server.output
