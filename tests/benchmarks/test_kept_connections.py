"""Tests the client that sends one request again and again."""

import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread

import pytest

from benchmarks.client import HOST, request
from benchmarks.kept_connections import ask, end_of_answer

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
CHUNKED_IN_TWO = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"


class AnsweringServer:
    """Answers each request on a connection by the next of `answers`, then by the last one again and again.

    `times`: the requests that it answers on one connection before it closes the connection.
    """

    def __init__(self, answers: Sequence[bytes], times: int) -> None:
        self._answers = answers
        self._times = times
        self._listening = socket.create_server((HOST, 0))
        self.port: int = self._listening.getsockname()[1]
        self.requests = 0

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            Thread(target=self._answer, args=[connection], daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # a client may reset its connection
            for number in range(self._times):
                if not connection.recv(4096):
                    return
                self.requests += 1
                answer = self._answers[min(number, len(self._answers) - 1)]
                connection.sendall(answer[:20])
                connection.sendall(answer[20:])


@contextmanager
def answering(*answers: bytes, times: int = 1_000) -> Generator[AnsweringServer]:
    server = AnsweringServer(answers, times)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


@pytest.mark.parametrize("answers", [[WHOLE], [CHUNKED], [CHUNKED, CHUNKED_IN_TWO]])
def test_every_request_is_sent_and_answered(answers: list[bytes]) -> None:
    with answering(*answers) as server:
        ask(server.port, request("/"), 100)
        assert server.requests == 101  # the first shows how an answer ends


@pytest.mark.parametrize("answer", [WHOLE, CHUNKED])
def test_an_answer_is_whole_only_at_its_end(answer: bytes) -> None:
    with answering(answer) as server:
        is_whole = end_of_answer(server.port, request("/"))
    assert [is_whole(answer[:size]) for size in range(len(answer) + 1)] == [False] * len(answer) + [True]


def test_an_answer_that_is_not_a_success_raises() -> None:
    failure = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
    with answering(failure) as server, pytest.raises(RuntimeError, match="500"):
        ask(server.port, request("/"), 100)


def test_a_connection_that_the_server_closes_raises() -> None:
    with answering(WHOLE, times=1) as server, pytest.raises(RuntimeError, match="closed a connection"):
        ask(server.port, request("/"), 100)
