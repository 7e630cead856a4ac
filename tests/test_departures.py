"""Clients that leave are noticed by a look at their connections, however many there are."""

import asyncio
import socket
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jero.connection import Connections
from jero.dispatch import departures
from jero.dispatch.departures import AT_ONCE, Departures
from jero.http.asgi import Message, Scope
from jero.sockets import Sockets, hung_up
from tests.servers.leaving import RESET_ON_CLOSE


class Cycle:
    """A request as uvicorn has it, and its transport."""

    def __init__(self, accepted: socket.socket) -> None:
        self.transport = self
        self.accepted = accepted
        self.is_closed = False
        self.disconnected = False

    async def send(self, message: Message) -> None: ...

    def get_extra_info(self, name: str) -> socket.socket:
        return self.accepted

    def is_closing(self) -> bool:
        return self.is_closed

    def abort(self) -> None:
        self.is_closed = True


Cycle.__module__ = "uvicorn.protocols.http.httptools_impl"


class Request:
    """A request as jero watches it."""

    began = 0.0

    def __init__(self, accepted: socket.socket) -> None:
        self.scope: Scope = {"http_version": "1.1"}
        self.cycle = Cycle(accepted)
        self.sought, self.left = asyncio.Event(), asyncio.Event()

    @property
    def server_send(self) -> Any:
        self.sought.set()
        return self.cycle.send

    def client_left(self) -> None:
        self.left.set()


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a look follow the other at once."""
    monkeypatch.setattr(departures, "LOOK_SECONDS", 0.0)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Provides the client's end of a connection, and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listening, connected(listening) as both:
        yield both


@contextmanager
def connected(listening: socket.socket) -> Generator[tuple[socket.socket, socket.socket], None, None]:
    """Connects to a socket that listens."""
    with socket.create_connection(listening.getsockname()) as client:
        accepted, _ = listening.accept()
        with accepted:
            yield client, accepted


def scope_of(accepted: socket.socket, **other: object) -> Scope:
    return {"server": accepted.getsockname(), "client": accepted.getpeername(), "http_version": "1.1", **other}


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    client.close()


def test_a_peer_that_has_closed_is_shown_before_what_it_sent_is_read(ends: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = ends
    client.sendall(b"unread")
    assert hung_up([accepted.fileno()]) == set()
    client.close()
    assert hung_up([accepted.fileno()]) == {accepted.fileno()}


async def test_each_one_of_many_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = ends
    streams = [Request(accepted) for _ in range(2 * AT_ONCE + 1)]
    watch = Departures(Connections(), streams)
    watch.begin()
    client.close()
    await asyncio.gather(*(stream.left.wait() for stream in streams))
    watch.close()

    assert all(stream.cycle.is_closed and stream.cycle.disconnected for stream in streams)


async def test_a_stream_is_freed_at_its_end_and_not_at_the_next_look(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [Request(ends[1])]
    watch = Departures(Connections(), streams)
    watch.begin()
    monkeypatch.setattr(departures, "LOOK_SECONDS", 60.0)
    await streams[0].sought.wait()
    left = weakref.ref(streams[0])
    streams.clear()
    assert left() is None
    watch.close()


@pytest.mark.parametrize("count", [1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE])
async def test_a_round_is_followed_by_a_pause(
    monkeypatch: pytest.MonkeyPatch, ends: tuple[socket.socket, socket.socket], count: int
) -> None:
    class Streams(list[Request]):
        rounds = 0
        are_looked_at = asyncio.Event()

        def __iter__(self) -> Iterator[Request]:
            self.rounds += 1
            self.are_looked_at.set()
            return super().__iter__()

    monkeypatch.setattr(departures, "LOOK_SECONDS", 0.01)
    streams = Streams(Request(ends[1]) for _ in range(count))
    watch = Departures(Connections(), streams)
    watch.begin()
    await streams.are_looked_at.wait()
    monkeypatch.setattr(departures, "LOOK_SECONDS", 3600.0)
    for _ in range(10):
        await asyncio.sleep(0)
    watch.close()

    assert streams.rounds == 1


async def test_a_transport_that_the_server_has_closed_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    gone, there = Request(ends[1]), Request(ends[1])
    gone.cycle.is_closed = True
    watch = Departures(Connections(), [there, gone])
    watch.begin()
    await gone.left.wait()
    watch.close()

    assert gone.cycle.disconnected
    assert not there.left.is_set()
    assert not there.cycle.is_closed


async def test_the_looks_end_with_the_last_stream(ends: tuple[socket.socket, socket.socket]) -> None:
    streams = [Request(ends[1])]
    watch = Departures(Connections(), streams)
    watch.begin()
    ends[0].close()
    await streams[0].left.wait()
    streams.clear()
    while watch.is_looking:  # noqa: ASYNC110 - each turn of the event loop is a look
        await asyncio.sleep(0)


async def test_a_handler_that_is_added_later_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    first, later = Request(ends[1]), Request(ends[1])
    watch = Departures(Connections(), [])
    watch.handlers.add(first)
    watch.begin()
    await asyncio.sleep(0)
    watch.handlers.add(later)
    ends[0].close()
    await asyncio.gather(first.left.wait(), later.left.wait())
    watch.close()


def test_a_connection_that_was_reset_before_the_look_is_known_by_what_is_missing(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    client, accepted = ends
    scope = scope_of(accepted)
    assert not Sockets().is_reset(scope, 0.0)
    reset(client)
    assert Sockets().find(scope, 0.0) is None
    assert Sockets().is_reset(scope, 0.0)


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded", b"x-port"])
def test_a_client_that_a_header_may_have_named_is_not_taken_for_reset(
    ends: tuple[socket.socket, socket.socket], header: bytes
) -> None:
    client, accepted = ends
    scope = scope_of(accepted, headers=[(header, b"192.0.2.1:%d" % accepted.getpeername()[1])])
    reset(client)
    assert not Sockets().is_reset(scope, 0.0)


def test_a_client_with_an_open_connection_is_not_taken_for_reset(ends: tuple[socket.socket, socket.socket]) -> None:
    """A proxy's middleware replaces the host alone: the port is that of a connection which is open."""
    client, _ = ends
    with socket.create_server(("127.0.0.1", 0)) as listening, connected(listening) as (other, own):
        scope = scope_of(own, client=("192.0.2.1", other.getsockname()[1]))
        reset(client)
        assert not Sockets().is_reset(scope, 0.0)
        assert not Sockets().is_reset({**scope, "client": ("192.0.2.1", 0)}, 0.0)


def test_a_client_of_a_server_without_a_broken_connection_is_not_taken_for_reset(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    assert not Sockets().is_reset(scope_of(ends[1], client=("192.0.2.1", 1)), 0.0)


async def test_a_request_that_is_not_a_servers_is_never_taken_for_reset(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """Another application may have replaced `send`, and the scope as well."""

    async def send(message: Message) -> None: ...

    client, accepted = ends
    scope = scope_of(accepted)
    reset(client)
    assert Connections().link(scope, send, 0.0) is None


async def test_a_failed_send_is_a_leaving_if_the_transport_has_closed(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    cycle = Cycle(ends[1])
    assert not Connections().has_left({}, cycle.send)
    cycle.is_closed = True
    assert Connections().has_left({}, cycle.send)
    assert cycle.disconnected


def test_looks_that_can_wait_are_rare() -> None:
    sockets = Sockets()
    assert sockets.is_cheap(0.0)
    sockets.find({"server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2)}, float("inf"))
    assert not sockets.is_cheap(float("inf"))
    assert sockets.is_cheap(0.0)
