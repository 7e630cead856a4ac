"""Tests the clients of a channel on real servers."""

import socket
from threading import Thread

import pytest

from benchmarks.server import Server
from benchmarks.subject import CEILING, JERO, SUBJECTS
from benchmarks.subscribers import Subscribers


@pytest.mark.parametrize("name", [JERO, CEILING])
def test_every_subscriber_receives_every_event(name: str) -> None:
    with Server(SUBJECTS[name].channel_module) as server, Subscribers([server.port], 5) as clients:
        assert clients.publish(3) == 15
        assert clients.publish_in_turn(4, 2) == 40
        clients.check()
        assert clients.publish(2, pause=0.01) == 10
        delays = list(clients.delays(2))
        assert len(delays) == 10
        assert all(0 < delay < 10_000 for delay in delays)
        clients.check()
        clients.publish_at_leisure(2, rest=0.05)
        delays = list(clients.delays(2))
        assert len(delays) == 10
        assert all(0 < delay < 10_000 for delay in delays)
        assert min(delays) < 50
        clients.check()
        assert clients.publish(20, publishers=3) == 100
        clients.check()


def test_waiting_for_a_missing_delivery_ends() -> None:
    module = SUBJECTS[CEILING].channel_module
    with Server(module) as one, Server(module) as other:
        ports = [one.port, other.port]  # nothing is published on the channel of the second server
        with (
            Subscribers(ports, 3, patience=0.5) as clients,
            pytest.raises(RuntimeError, match="2 deliveries are missing"),
        ):
            clients.publish(2)


@pytest.mark.parametrize("publishers", [1, 2])
def test_check_raises_if_another_client_has_published(publishers: int) -> None:
    with Server(SUBJECTS[CEILING].channel_module) as server, Subscribers([server.port], 2) as clients:
        with Subscribers([server.port], 1) as others:
            others.publish(1)
        clients.publish(2, publishers=publishers)
        with pytest.raises(RuntimeError, match=r"received [23] of 2 events"):
            clients.check()


def test_a_server_without_a_channel_raises() -> None:
    with (
        Server(SUBJECTS[CEILING].module) as server,
        pytest.raises(RuntimeError, match="500"),
        Subscribers([server.port], 1),
    ):
        pass


def test_a_server_that_closes_the_connection_raises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            publisher, _ = listener.accept()
            subscriber, _ = listener.accept()
            with publisher, subscriber:
                subscriber.recv(4096)
                subscriber.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                publisher.recv(4096)

        serving = Thread(target=serve)
        serving.start()
        with (
            Subscribers([listener.getsockname()[1]], 1) as clients,
            pytest.raises(RuntimeError, match="closed a connection"),
        ):
            clients.publish(1)
        serving.join()
