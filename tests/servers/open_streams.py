"""Many streams, held open by clients that wait for what comes next."""

import socket
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from tests.servers.running import Running
from tests.servers.wire import Answers, Head, new_key, request


class OpenStreams:
    """The streams of one key: `paths` is what each of them asked for."""

    def __init__(self, server: Running, paths: Sequence[str]) -> None:
        self.key = new_key()
        self._server = server
        self._paths = paths
        self._connections: list[socket.socket] = []
        self._answers: list[Answers] = []
        self._heads: list[Head] = []

    def open(self) -> None:
        """Returns when each has its headers, and its source is open."""
        for path in self._paths:
            connection = self._server.connect()
            self._connections.append(connection)
            connection.sendall(request(f"{path}{'&' if '?' in path else '?'}key={self.key}"))
        self._server.wait_for("opened", self.key, count=len(self._paths))
        for connection in self._connections:
            answers = Answers(connection)
            self._answers.append(answers)
            self._heads.append(answers.head())
        assert {head.status for head in self._heads} == {200}

    def reasons(self) -> list[str]:
        """Why each was closed, once all are."""
        return [note.reason for note in self._server.wait_for("closed", self.key, count=len(self._paths))]

    def whole(self, path: str) -> list[bytes]:
        """The bodies of those that asked for this path; fails where one is cut."""
        return [b"".join(answers.chunks()) for answers in self._of(path)]

    def cut(self, path: str) -> list[bytes]:
        """What came of those that asked for this path; fails where one ended properly."""
        return [answers.until_cut() for answers in self._of(path)]

    def close(self) -> None:
        """The clients leave."""
        for connection in self._connections:
            connection.close()

    def _of(self, wanted: str) -> Iterator[Answers]:
        return (answers for path, answers in zip(self._paths, self._answers, strict=True) if path == wanted)


@contextmanager
def open_streams(server: Running, *paths: str) -> Generator[OpenStreams, None, None]:
    """A stream for each path, closed with the block."""
    streams = OpenStreams(server, paths)
    try:
        streams.open()
        yield streams
    finally:
        streams.close()
