"""Tests the client that counts items."""

import socket
from collections.abc import Iterable
from threading import Thread

import pytest
from msgspec.json import encode

from benchmarks.client import Drain
from benchmarks.item import ITEM_BYTES, ITEMS, supply

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def drained(pieces: Iterable[bytes]) -> int:
    """Returns the client's count if the server sends these pieces, each when the last has been read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Drain(ours)
        for piece in pieces:
            theirs.sendall(piece)
            assert stream.read()
        theirs.shutdown(socket.SHUT_WR)
        assert not stream.read()
    return stream.items


def test_every_item_is_counted_however_the_bytes_are_split() -> None:
    text = b"\n".join(encode(item) for item in supply(3))
    for place in range(1, len(text)):
        assert drained([HEAD, text[:place], text[place:]]) == 3
    assert drained([HEAD, *(bytes([byte]) for byte in text)]) == 3


def test_a_long_stream_is_counted() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        sending = Thread(target=_send, args=[theirs, HEAD + b"".join(map(encode, supply(50_000)))])
        sending.start()
        stream = Drain(ours)
        while stream.read():
            pass
        sending.join()
    assert stream.items == 50_000


def _send(connection: socket.socket, data: bytes) -> None:
    with connection:
        connection.sendall(data)


def test_an_answer_that_is_not_a_success_raises() -> None:
    with pytest.raises(RuntimeError, match="500"):
        drained([b"HTTP/1.1 500 Internal Server Error\r\n\r\n"])


def test_every_item_has_the_documented_size() -> None:
    assert {len(encode(item)) for item in ITEMS} == {ITEM_BYTES}
