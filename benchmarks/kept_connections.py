"""Sends one request again and again over connections that are kept open."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from select import EPOLLIN, epoll
from socket import socket

from benchmarks.client import connected
from benchmarks.server import Server

CONNECTIONS = 32
WARM_UP_REQUESTS = 500
# The end of a body that is sent in chunks (RFC 9112, section 7.1). No body of a subject contains it.
LAST_CHUNK = b"0\r\n\r\n"


def requests_per_cpu_second(server: Server, message: bytes, count: int) -> float:
    """Returns how many requests the server answers in a second of its CPU.

    CPU seconds, not seconds: a client in Python does not keep every server busy.
    """
    ask(server.port, message, WARM_UP_REQUESTS)
    before = server.read().cpu
    ask(server.port, message, count)
    return count / (server.read().cpu - before)


def ask(port: int, message: bytes, count: int) -> None:
    """Sends a request `count` times. Each connection sends its next request when its last is answered.

    Raises `RuntimeError` if the first answer is not a success, or if the server closes a connection.
    """
    is_whole = end_of_answer(port, message)
    with ExitStack() as stack:
        ready = stack.enter_context(epoll())
        opened = [stack.enter_context(connected(port)) for _ in range(CONNECTIONS)]
        clients = {client.fileno(): client for client in opened}
        answers = {number: bytearray() for number in clients}
        for number, client in clients.items():
            ready.register(number, EPOLLIN)
            client.sendall(message)
        to_send, to_come = count - CONNECTIONS, count
        while to_come > 0:
            for number, _ in ready.poll():
                answers[number] += _received(clients[number])
                if is_whole(answers[number]):
                    answers[number].clear()
                    to_come -= 1
                    if to_send > 0:
                        to_send -= 1
                        with suppress(ConnectionError):  # `_received` reports it
                            clients[number].send(message)


def _received(client: socket) -> bytes:
    """Returns what has arrived. Raises `RuntimeError` if the server has closed or reset the connection."""
    try:
        received = client.recv(65_536)
    except ConnectionError:
        received = b""
    if not received:
        raise RuntimeError("the server closed a connection that is to be kept")
    return received


def end_of_answer(port: int, message: bytes) -> Callable[[bytes | bytearray], bool]:
    """Sends the request once. Returns a function that tells whether an answer to it is whole.

    A stream's bytes may arrive in different chunks each time, so only its last chunk is known beforehand.
    """
    with connected(port, patience=1.0) as client:
        client.sendall(message)
        answer = client.recv(65_536)
        while b"\r\n\r\n" not in answer:
            answer += client.recv(65_536)
        head, _, _ = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"the server answered {head!r}")
        _, _, length = head.lower().partition(b"content-length: ")
        is_whole = partial(_has_size, len(head) + 4 + int(length.split()[0])) if length else _ends_in_last_chunk
        while not is_whole(answer):
            answer += client.recv(65_536)
    return is_whole


def _has_size(size: int, answer: bytes | bytearray) -> bool:
    return len(answer) >= size


def _ends_in_last_chunk(answer: bytes | bytearray) -> bool:
    return answer.endswith(LAST_CHUNK)
