"""The listening socket is found by the address in a scope."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from jero.http.asgi import Scope
from jero.sockets import find_listener


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_listener_is_found_by_its_port_until_it_is_closed(listener: socket.socket) -> None:
    host, port = listener.getsockname()
    before = descriptors()
    assert find_listener({"server": (host, str(port))}) == find_listener({"server": (host, port)})
    found = find_listener({"server": (host, port)})
    assert found is not None
    assert found.descriptors == (listener.fileno(),)
    assert found.is_open()
    listener.close()
    assert not found.is_open()
    assert descriptors() == before - 1


def test_a_reused_descriptor_is_a_different_listener(listener: socket.socket) -> None:
    found = find_listener({"server": listener.getsockname()})
    assert found is not None
    listener.close()
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert (other.fileno(),) == found.descriptors
        assert not found.is_open()


@pytest.mark.parametrize("closed", [0, 1])
def test_a_listener_is_closed_if_one_of_its_descriptors_is(listener: socket.socket, closed: int) -> None:
    with listener.dup() as copy:
        found = find_listener({"server": listener.getsockname()})
        assert found is not None
        assert found.descriptors == (listener.fileno(), copy.fileno())
        assert found.is_open()
        (listener, copy)[closed].close()
        assert not found.is_open()


def test_another_listener_of_the_same_port_does_not_count(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with socket.create_server(("127.0.0.2", port)) as other:
        found = find_listener({"server": ("127.0.0.1", port)})
        assert found is not None
        assert found.descriptors == (listener.fileno(),)
        other.close()
        assert found.is_open()


def test_a_listener_on_a_path_is_found(tmp_path: os.PathLike[str]) -> None:
    path = f"{os.fspath(tmp_path)}/socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        found = find_listener({"server": (path, None)})
        assert found is not None
        assert found.descriptors == (listening.fileno(),)


@pytest.mark.parametrize("scope", [{}, {"server": None}, {"server": ("testserver", 1)}])
def test_a_scope_without_a_listener_finds_none(scope: Scope) -> None:
    assert find_listener(scope) is None
