"""Many open streams, whose clients wait for the next bytes."""

import socket
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.servers.running import Running
from tests.servers.wire import Answers, Head, new_key, request


class OpenStreams:
    """Streams with one key, one for each path. `connections`: of the clients."""

    def __init__(self, server: Running, paths: Sequence[str]) -> None:
        self.key = new_key()
        self._server = server
        self._paths = paths
        self.connections: list[socket.socket] = []
        self._answers: list[Answers] = []
        self._heads: list[Head] = []

    def open(self) -> None:
        """Opens the streams. Returns when each source is open and each client has its headers."""
        for path in self._paths:
            connection = self._server.connect()
            self.connections.append(connection)
            connection.sendall(request(f"{path}{'&' if '?' in path else '?'}key={self.key}"))
        self._server.wait_for("opened", self.key, count=len(self._paths))
        for connection in self.connections:
            answers = Answers(connection)
            self._answers.append(answers)
            self._heads.append(answers.head())
        assert {head.status for head in self._heads} == {200}

    def reasons(self) -> list[str]:
        """Waits until all streams are closed, and returns the reasons."""
        return [note.reason for note in self._server.wait_for("closed", self.key, count=len(self._paths))]

    def whole(self, path: str) -> list[bytes]:
        """Returns the bodies of the streams of this path. Fails if one is cut."""
        return [b"".join(answers.chunks()) for answers in self._of(path)]

    def cut(self, path: str) -> list[bytes]:
        """Returns the parts that arrived of the streams of this path. Fails if one ended properly."""
        return [answers.until_cut() for answers in self._of(path)]

    def assert_quiet(self, seconds: float) -> None:
        """Fails if a connection ends, or brings more than the first item, within `seconds`."""
        for connection, answers in zip(self.connections, self._answers, strict=True):
            answers.chunk()
            connection.settimeout(seconds)
            with pytest.raises(TimeoutError):
                connection.recv(1)

    def close(self) -> None:
        """Closes the clients' connections."""
        for connection in self.connections:
            connection.close()

    def _of(self, wanted: str) -> Iterator[Answers]:
        return (answers for path, answers in zip(self._paths, self._answers, strict=True) if path == wanted)


@contextmanager
def open_streams(server: Running, *paths: str) -> Generator[OpenStreams, None, None]:
    """Opens a stream for each path, and closes them on exit."""
    streams = OpenStreams(server, paths)
    try:
        streams.open()
        yield streams
    finally:
        streams.close()
