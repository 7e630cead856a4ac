"""The connection under a request is ended by what the server shows, or by its addresses; never another's."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.connection import OUTERMOST, Connections, paced
from jero.errors import UnfinishedBody
from jero.http.asgi import Message, Scope
from jero.sockets import Sockets


async def some_send(message: Message) -> None:
    """A `send` of a middleware."""


def scope_of(connection: socket.socket, **other: object) -> Scope:
    """Returns the scope that a server makes for an accepted connection."""
    return {"server": connection.getsockname(), "client": connection.getpeername(), "http_version": "1.1", **other}


def drop(scope: Scope) -> bool:
    return Connections().drop(scope, some_send, 0.0)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def taken(listener: socket.socket) -> Iterator[socket.socket]:
    with socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        with accepted:
            client.settimeout(5)
            accepted.settimeout(5)
            clients[accepted] = client
            yield accepted
            del clients[accepted]


clients: dict[socket.socket, socket.socket] = {}


def is_whole(connection: socket.socket) -> bool:
    """Returns whether a byte still passes."""
    try:
        connection.send(b"x")
        return clients[connection].recv(1) == b"x"
    except OSError:
        return False


def test_a_dropped_connection_is_an_error_at_a_client_that_does_not_read(taken: socket.socket) -> None:
    assert drop(scope_of(taken))
    with pytest.raises(ConnectionResetError):
        clients[taken].recv(1)


def test_granian_writes_ports_as_text(taken: socket.socket) -> None:
    (host, port), (server, number) = taken.getpeername(), taken.getsockname()
    assert drop({"client": (host, str(port)), "server": (server, str(number)), "http_version": "1"})
    assert not is_whole(taken)


def test_sockets_without_an_address_are_ignored(taken: socket.socket) -> None:
    one, other = socket.socketpair()
    with one, other:
        assert drop(scope_of(taken))
    assert not is_whole(taken)


def test_an_ipv4_client_of_an_ipv6_socket_is_found() -> None:
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listening,
        socket.create_connection(("127.0.0.1", listening.getsockname()[1])) as client,
    ):
        accepted, _ = listening.accept()
        with accepted:
            assert drop({"server": client.getpeername(), "client": client.getsockname(), "http_version": "1.1"})
            with pytest.raises(ConnectionResetError):
                client.recv(1)


@pytest.mark.parametrize(
    "other",
    [
        {"http_version": "2"},
        {"client": ("127.0.0.1", 1)},
        {"client": ("127.0.0.1", 0)},
        {"client": None},
        {"server": None},
    ],
)
def test_a_different_connection_is_unaffected(taken: socket.socket, other: dict[str, object]) -> None:
    assert not drop(scope_of(taken, **other))
    assert is_whole(taken)


@pytest.mark.parametrize(
    "header",
    [
        "x-forwarded-for: 127.0.0.1:{port}",
        "X-Forwarded-For: 9.9.9.9, 127.0.0.1:{port}",
        "x-forwarded-port: {port}",
        "x-forwarded-port: 0{port}",
        "forwarded: for=127.0.0.1:{port}",
        'forwarded: for="[::ffff:127.0.0.1]:{port}"',
        "x-real-ip: 127.0.0.1:{port}",
        "client-address: 127.0.0.1;port={port}",
    ],
)
def test_a_port_that_a_header_names_is_not_looked_for(taken: socket.socket, header: str) -> None:
    name, _, value = header.format(port=taken.getpeername()[1]).partition(": ")
    assert not drop(scope_of(taken, headers=[(name.encode(), value.encode())]))
    assert is_whole(taken)


def test_the_connection_from_a_proxy_is_dropped_although_the_proxy_names_its_client(taken: socket.socket) -> None:
    headers = [(b"x-forwarded-for", b"203.0.113.7"), (b"x-real-ip", b"203.0.113.7"), (b"host", b"127.0.0.1:8000")]
    assert drop(scope_of(taken, headers=headers))
    assert not is_whole(taken)


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"cf-connecting-ip", b"somewhere"])
def test_a_host_that_a_header_names_does_not_lead_to_another_client_with_the_same_port(header: bytes) -> None:
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        accepted: list[socket.socket] = []
        for host in ("127.0.0.1", "127.0.0.2"):
            client = stack.enter_context(socket.socket())
            port = accepted[0].getpeername()[1] if accepted else 0
            client.bind((host, port))
            client.connect(listening.getsockname())
            accepted.append(stack.enter_context(listening.accept()[0]))
            clients[accepted[-1]] = client
        victim, attacker = accepted
        scope = scope_of(attacker, client=victim.getpeername(), headers=[(header, b"127.0.0.1")])
        assert not drop(scope)
        assert is_whole(victim)
        assert is_whole(attacker)
        clients.clear()


class Look:
    """Counts the system's lists of descriptors."""

    def __init__(self) -> None:
        self.count = 0
        self.listdir = os.listdir

    def __call__(self, path: str) -> list[str]:
        self.count += 1
        return self.listdir(path)


def test_one_look_serves_all_requests_that_began_before_it(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Look()
    monkeypatch.setattr("os.listdir", look)
    connections = Connections()
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(listener.getsockname()))
            accepted = stack.enter_context(listener.accept()[0])
            stack.callback(connections.drop, scope_of(accepted), some_send, 0.0)
    assert look.count == 1


HOSTS = st.sampled_from(["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1", "localhost", "10.0.0.1", ""])
NAMES = st.sampled_from(
    [b"x-forwarded-for", b"forwarded", b"x-real-ip", b"true-client-ip", b"x-any", b"x-forwarded-port"]
)
FORMS = st.sampled_from(
    ["{host}", "{host}:{port}", "for={host}", '"[{host}]:{port}"', "{port}", "0{port}", "{host} {port}"]
)


@pytest.fixture(scope="module")
def crowd() -> Iterator[list[socket.socket]]:
    """Connections of two hosts, in pairs that share a port."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        accepted: list[socket.socket] = []
        for _ in range(3):
            port = 0
            for host in ("127.0.0.1", "127.0.0.2"):
                client = stack.enter_context(socket.socket())
                client.bind((host, port))
                client.connect(listening.getsockname())
                port = client.getsockname()[1]
                accepted.append(stack.enter_context(listening.accept()[0]))
                clients[accepted[-1]] = client
        yield accepted
        clients.clear()


@given(data=st.data())
def test_no_headers_lead_to_the_connection_of_somebody_else(crowd: list[socket.socket], data: st.DataObject) -> None:
    """A rewriter takes host and port, or the host alone, from the headers; the socket that would be touched is ours."""
    own = data.draw(st.sampled_from(crowd))
    claimed = data.draw(st.sampled_from(crowd))
    host = data.draw(st.one_of(HOSTS, st.just(claimed.getpeername()[0])))
    form = data.draw(FORMS)
    name, port = data.draw(NAMES), claimed.getpeername()[1]
    headers = [(b"host", b"127.0.0.1:8000"), (name, form.format(host=host, port=port).encode())]
    client = (host if "{host}" in form else own.getpeername()[0], port if "{port}" in form else own.getpeername()[1])
    scope = scope_of(own, client=data.draw(st.sampled_from([client, (*client, 0, 0), list(client)])), headers=headers)

    found = Sockets().find(scope, 0.0)

    assert found is None or found.descriptor == own.fileno()
    assert all(map(is_whole, crowd))


class Transport:
    """A transport that records what is done to it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.is_aborted = False
        self.unsent = [70_000, 10, 0]

    def get_extra_info(self, name: str) -> socket.socket:
        return self.connection

    def get_write_buffer_size(self) -> int:
        return self.unsent.pop(0) if self.unsent else 0

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


class Cycle:
    """A request as uvicorn has it."""

    def __init__(self, connection: socket.socket) -> None:
        self.transport = Transport(connection)
        self.messages: list[Message] = []

    async def send(self, message: Message) -> None:
        self.messages.append(message)


Cycle.__module__ = "uvicorn.protocols.http.h11_impl"


def patience() -> float:
    return 5.0


def goes_on() -> bool:
    """Returns that the server does not shut down."""
    return False


def is_last() -> bool:
    return True


def test_the_transport_of_the_server_is_dropped_whatever_the_scope_says(
    taken: socket.socket, listener: socket.socket
) -> None:
    with socket.socket() as own:
        cycle = Cycle(own)
        assert Connections().drop(scope_of(taken), cycle.send, 0.0)
        assert cycle.transport.is_aborted
        assert is_whole(taken)


async def test_a_cut_of_http_1_0_waits_until_all_is_sent() -> None:
    with socket.socket() as own:
        cycle = Cycle(own)
        await Connections().cut({"http_version": "1.0"}, cycle.send, 0.0, patience, goes_on)
        assert cycle.transport.unsent == []
        assert cycle.transport.is_aborted


async def test_a_cut_of_http_1_0_waits_no_longer_than_its_patience() -> None:
    with socket.socket() as own:
        cycle = Cycle(own)
        cycle.transport.unsent = [1] * 1_000
        await Connections().cut({"http_version": "1.0"}, cycle.send, 0.0, lambda: 0.05, goes_on)
        assert len(cycle.transport.unsent) > 900
        assert cycle.transport.is_aborted


async def test_a_cut_of_http_1_1_is_left_to_the_server() -> None:
    with socket.socket() as own:
        cycle = Cycle(own)
        await Connections().cut({"http_version": "1.1"}, cycle.send, 0.0, patience, goes_on)
        assert not cycle.transport.is_aborted
        assert cycle.messages == []


@pytest.mark.parametrize(("unsent", "is_dropped"), [([], False), ([9, 8], False), ([9, 9, 0], False), ([9] * 10, True)])
async def test_a_shutdown_drops_a_client_that_takes_nothing(unsent: list[int], *, is_dropped: bool) -> None:
    with socket.socket() as own:
        cycle = Cycle(own)
        cycle.transport.unsent = unsent
        await Connections().cut({"http_version": "1.1"}, cycle.send, 0.0, patience, is_last)
        assert cycle.transport.is_aborted == is_dropped


async def test_a_cut_is_raised_through_a_middleware_that_jero_did_not_include() -> None:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    with pytest.raises(UnfinishedBody):
        await Connections().cut({"http_version": "1.1"}, send, 0.0, patience, goes_on)
    assert [message["type"] for message in messages] == ["jero.stream.cut"]


async def test_a_cut_marks_the_exchange_outside_of_included_middleware() -> None:
    class Outermost:
        is_cut = False
        has_begun = True
        server_send: Any = None

    with socket.socket() as own:
        outermost = Outermost()
        outermost.server_send = Cycle(own).send
        await Connections().cut({"http_version": "1.1", OUTERMOST: outermost}, some_send, 0.0, patience, goes_on)
        assert outermost.is_cut


def test_a_send_that_waits_for_its_client_is_left_unchanged() -> None:
    assert paced({"http_version": "2"}, some_send) is some_send
