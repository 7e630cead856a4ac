"""The sockets under a request are found by the addresses in its scope."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from jero.http.asgi import Scope
from jero.shutdown import drop_connection, find_listener


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def scope_of(connection: socket.socket, **other: object) -> Scope:
    """Returns the scope that a server makes for an accepted connection."""
    return {"server": connection.getsockname(), "client": connection.getpeername(), "http_version": "1.1", **other}


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_listener_is_found_by_its_port_until_it_is_closed(listener: socket.socket) -> None:
    host, port = listener.getsockname()
    before = descriptors()
    assert find_listener({"server": (host, str(port))}) == find_listener({"server": (host, port)})
    found = find_listener({"server": (host, port)})
    assert found is not None
    assert found.descriptor == listener.fileno()
    assert found.is_open()
    listener.close()
    assert not found.is_open()
    assert descriptors() == before - 1


def test_a_reused_descriptor_is_a_different_listener(listener: socket.socket) -> None:
    found = find_listener({"server": listener.getsockname()})
    assert found is not None
    listener.close()
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert other.fileno() == found.descriptor
        assert not found.is_open()


def test_a_listener_on_a_path_is_found(tmp_path: os.PathLike[str]) -> None:
    path = f"{os.fspath(tmp_path)}/socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        found = find_listener({"server": (path, None)})
        assert found is not None
        assert found.descriptor == listening.fileno()


@pytest.mark.parametrize("scope", [{}, {"server": None}, {"server": ("testserver", 1)}])
def test_a_scope_without_a_listener_finds_none(scope: Scope) -> None:
    assert find_listener(scope) is None


def test_a_connection_is_dropped_even_if_its_client_does_not_read(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        taken, _ = listener.accept()
        with taken:
            before = descriptors()
            drop_connection(scope_of(taken))
            assert descriptors() == before
            assert client.recv(1) == b""
            with pytest.raises(OSError, match="Broken pipe"):
                taken.send(b"x")


def test_sockets_without_an_address_are_ignored(listener: socket.socket) -> None:
    one, other = socket.socketpair()
    with one, other, socket.create_connection(listener.getsockname()) as client:
        taken, _ = listener.accept()
        with taken:
            drop_connection(scope_of(taken))
            assert client.recv(1) == b""


def test_an_ipv4_client_of_an_ipv6_socket_is_found() -> None:
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listening,
        socket.create_connection(("127.0.0.1", listening.getsockname()[1])) as client,
    ):
        taken, _ = listening.accept()
        with taken:
            drop_connection({"server": client.getpeername(), "client": client.getsockname(), "http_version": "1.1"})
            assert client.recv(1) == b""


@pytest.mark.parametrize("other", [{"http_version": "2"}, {"client": ("127.0.0.1", 1)}, {"client": None}])
def test_a_different_connection_is_unaffected(listener: socket.socket, other: dict[str, object]) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        taken, _ = listener.accept()
        with taken:
            drop_connection(scope_of(taken, **other))
            taken.send(b"x")
            assert client.recv(1) == b"x"
