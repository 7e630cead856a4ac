"""The listening socket is found by the address in a scope."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from jero.http.asgi import Scope
from jero.sockets import find_listener


@pytest.fixture(params=[True, False], ids=["inodes", "no inodes"], autouse=True)
def _system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs each test also as on macOS, which gives each socket of TCP the inode 0."""
    status_of = os.fstat

    def without_inode(descriptor: int) -> os.stat_result:
        status = status_of(descriptor)
        return os.stat_result((status[0], 0, *status[2:])) if stat.S_ISSOCK(status.st_mode) else status

    if not request.param:
        monkeypatch.setattr(os, "fstat", without_inode)


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


def test_a_descriptor_that_is_closed_meanwhile_is_passed_over(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        number, status = closed.fileno(), os.fstat(closed.fileno())
        name = closed.getsockname()
    status_of = os.fstat

    def before_another_thread_closes_it(descriptor: int) -> os.stat_result:
        return status if descriptor == number else status_of(descriptor)

    def both(_: str) -> list[str]:
        return [str(number), str(listener.fileno())]

    monkeypatch.setattr(os, "fstat", before_another_thread_closes_it)
    monkeypatch.setattr(os, "listdir", both)
    assert find_listener({"server": name}) is None
    found = find_listener({"server": listener.getsockname()})
    assert found is not None
    assert found.descriptors == (listener.fileno(),)
