"""The client leaves: the stream is torn down at once, in every state."""

from statistics import median
from time import monotonic

import pytest

from tests.servers.leaving import NOTICED_WITHIN, Leave, close, first_item, half_close, nothing, reset, time_to_teardown
from tests.servers.running import Running
from tests.servers.wire import new_key, request

CLIENTS = 5


@pytest.mark.parametrize("leave", [close, reset, half_close])
@pytest.mark.parametrize("path", ["/events/idle", "/lines/idle", "/lines/busy", "/lines/never-pausing"])
def test_a_client_that_leaves_an_open_stream_is_noticed(server: Running, path: str, leave: Leave) -> None:
    assert median(time_to_teardown(server, path, leave, read=first_item) for _ in range(CLIENTS)) < NOTICED_WITHIN


@pytest.mark.parametrize("path", ["/events/silent", "/lines/silent"])
def test_a_client_that_leaves_before_the_first_item_is_noticed(server: Running, path: str) -> None:
    times = [time_to_teardown(server, path, read=nothing) for _ in range(CLIENTS)]
    assert median(times) < NOTICED_WITHIN


def test_a_client_that_leaves_while_it_blocks_the_stream_is_noticed(server: Running) -> None:
    times: list[float] = []
    for _ in range(CLIENTS):
        key = new_key()
        with server.connect() as connection:
            connection.sendall(request(f"/lines/gushing?key={key}"))
            server.note("blocked", key)
            left_at = monotonic()
        times.append(server.note("closed", key).at - left_at)

    assert median(times) < NOTICED_WITHIN


def test_two_hundred_clients_that_leave_at_once_are_noticed(server: Running) -> None:
    key = new_key()
    connections = [server.connect() for _ in range(200)]
    for connection in connections:
        connection.sendall(request(f"/events/idle?key={key}"))
    server.wait_for("opened", key, count=len(connections))
    left_at = monotonic()
    for connection in connections:
        connection.close()
    closed = server.wait_for("closed", key, count=len(connections))

    assert {note.reason for note in closed} == {"disconnected"}
    assert max(note.at for note in closed) - left_at < 1
