"""A client sends a second request before the first is answered, and leaves or stays."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.servers.conftest import named
from tests.servers.leaving import Leave, close, reset
from tests.servers.running import Running, running
from tests.servers.servers import SERVERS, UVICORN, Server
from tests.servers.wire import Answers, new_key, numbers, request

SECOND = request("/lines/finite?key=second")
PATHS = ["/lines/idle", "/events/idle", "/lines/busy", "/lines/never-pausing", "/lines/gushing", "/working"]
# uvloop and asyncio differ in what they do with bytes for a connection that has ended.
UVICORN_ASYNCIO = Server(
    "uvicorn-httptools-asyncio",
    ("uvicorn", "{app}", "--port", "{port}", "--loop", "asyncio", "--http", "httptools"),
    statuses=UVICORN.statuses,
)


@pytest.fixture(scope="module", params=[*SERVERS, UVICORN_ASYNCIO], ids=named)
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Runs one of the servers for all tests."""
    with running(request.param, "tests.servers.attentive:app") as server:
        yield server


def has_begun(server: Running, path: str, key: str, answers: Answers) -> None:
    """Waits until the first request is being answered: its handler runs, or the client has the first item."""
    if path == "/working":
        server.note("opened", key)
    elif path == "/lines/gushing":
        server.note("blocked", key)
    else:
        answers.head()
        answers.chunk()


@pytest.mark.parametrize("is_at_once", [True, False], ids=["at-once", "one-by-one"])
@pytest.mark.parametrize("leave", [close, reset])
def test_a_client_that_leaves_with_a_second_request_is_noticed(
    server: Running, leave: Leave, *, is_at_once: bool
) -> None:
    keys = {new_key(): path for path in PATHS}
    with ExitStack() as stack:
        connections = {key: stack.enter_context(server.connect()) for key in keys}
        for key, path in keys.items():
            first = request(f"{path}?key={key}")
            connections[key].sendall(first + SECOND if is_at_once else first)
        for key, path in keys.items():
            has_begun(server, path, key, Answers(connections[key]))
            if not is_at_once:
                connections[key].sendall(SECOND)
        for connection in connections.values():
            leave(connection)
        reasons = {path: server.note("closed", key).reason for key, path in keys.items()}

    assert reasons == {path: "cancelled" if path == "/working" else "disconnected" for path in PATHS}


@pytest.mark.parametrize("first", ["/lines/finite?items=120&key=", "/working?grace=1.2&key="])
def test_a_second_request_is_answered_after_the_first(server: Running, first: str) -> None:
    """The first request takes longer than the time between two looks at the connections."""
    key = new_key()
    with server.connect() as connection:
        connection.sendall(request(f"{first}{key}") + SECOND)
        answers = Answers(connection)
        body = answers.content(answers.head())
        assert body == key.encode() or numbers(body) == list(range(120))
        assert numbers(answers.content(answers.head())) == [0, 1, 2]


def test_nothing_is_logged_as_an_error(server: Running) -> None:
    with server.connect() as connection:  # one more request, so that the server has ended the others
        connection.sendall(SECOND)
        Answers(connection).head()
    assert not server.errors, server.output
