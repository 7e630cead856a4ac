"""Reads many chat completions at once, and computes how old each chunk was when it arrived."""

import math
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from select import EPOLLIN, epoll
from socket import socket
from types import TracebackType
from typing import Final, Self

from httptools import HttpResponseParser

from benchmarks.arrival import receive, stamp
from benchmarks.chat_upstream import END_MARK, MARK, PATH, Script, request_body
from benchmarks.client import BUFFER_BYTES, connected, request

# The time at which a chunk was made, by `time.monotonic`.
MADE_AT: Final = re.compile(rb"%b([0-9.]+)%b" % (MARK, END_MARK))
# Seconds after the end of the longest script.
PATIENCE: Final = 10.0


class Answer:
    """Keeps what has arrived of one answer: pieces, and the time at which each arrived."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.times: list[float] = []
        self._body = bytearray()

    def add(self, piece: bytes, at: float) -> None:
        """Adds a piece. Raises `RuntimeError` if it is the first, and does not begin a successful answer."""
        if not self.pieces and not piece.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{PATH} was answered with {piece[:500]!r}, not 200")
        self.pieces.append(piece)
        self.times.append(at)

    def chunks(self) -> Iterator[tuple[float, float]]:
        """Yields, for each chunk, when it was made and its age in seconds on its arrival."""
        parser = HttpResponseParser(self)
        for piece, at in zip(self.pieces, self.times, strict=True):
            parser.feed_data(piece)
            end = 0
            for found in MADE_AT.finditer(self._body):
                made, end = float(found[1]), found.end()
                yield made, at - made
            self._body = self._body[end:]

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body from the parser."""
        self._body += body


class Chats:
    """A context manager: a stream for each script. They are opened one after the other, in `opening` seconds.

    `count`: of the chunks of all streams.
    """

    def __init__(self, port: int, scripts: Sequence[Script], *, opening: float = 0.0) -> None:
        self._port = port
        self._scripts = scripts
        self.count = sum(script.count for script in scripts)
        self._opening = opening
        self._stack = ExitStack()
        self._ready = epoll()
        self._streams: dict[int, tuple[socket, Answer]] = {}
        self._open_streams = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._ready)
            clients = [stack.enter_context(connected(self._port)) for _ in self._scripts]
            stamp(clients)
            for client, script in zip(clients, self._scripts, strict=True):
                client.sendall(request(PATH, body=request_body(script), close=True))
                self._ready.register(client.fileno(), EPOLLIN)
                self._streams[client.fileno()] = client, Answer()
                self._open_streams += 1
                time.sleep(self._opening / len(clients))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def read(self) -> int:
        """Reads until all chunks have arrived, but no longer than `PATIENCE` seconds after the last script's end.

        Returns the number of chunks that have arrived. Raises `RuntimeError` if an answer is not a stream.
        """
        # Light, because it has to keep up with the gateway: what has arrived is looked at later.
        until = max(time.monotonic(), *(script.end for script in self._scripts)) + PATIENCE
        buffer, streams, arrived = memoryview(bytearray(BUFFER_BYTES)), self._streams, 0
        while self._open_streams and arrived < self.count and time.monotonic() < until:
            for number, _ in self._ready.poll(1.0):
                client, answer = streams[number]
                size, at = receive(client, buffer)
                if size:
                    piece = bytes(buffer[:size])
                    answer.add(piece, at)
                    arrived += piece.count(END_MARK)
                else:
                    self._ready.unregister(number)
                    self._open_streams -= 1
        return arrived

    def ages(self, *, settling: float = 0.0) -> list[float]:
        """Returns the age in seconds of each chunk on its arrival, when all streams have been read.

        A chunk that has not arrived is `math.inf` old. The chunks of the first `settling` seconds are left out. Raises
        `RuntimeError` if all streams have ended, and have fewer chunks than the scripts, or if they have more.
        """
        chunks = [chunk for _, answer in self._streams.values() for chunk in answer.chunks()]
        missing = self.count - len(chunks)
        if missing < 0 or (missing and not self._open_streams):
            raise RuntimeError(f"{len(chunks)} chunks of {self.count} have arrived from {PATH}")
        # A timer of uvloop may end half a millisecond early.
        since = min(script.begin for script in self._scripts) + settling if settling else 0.0
        return [*(age for made, age in chunks if made >= since), *[math.inf] * missing]
