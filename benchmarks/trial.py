"""Gives a workload the server of one subject, and the sizes to use."""

from contextlib import ExitStack

from benchmarks.server import Server
from benchmarks.subject import Subject


class Trial:
    """One subject in one workload. `round` counts the rounds from 0."""

    def __init__(self, subject: Subject, *, is_quick: bool) -> None:
        self.subject = subject
        self.round = 0
        self.is_quick = is_quick
        self._servers = ExitStack()
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """Returns the server that serves all rounds. The first use starts it."""
        if self._server is None:
            self._server = self._servers.enter_context(Server(self.subject.module))
        return self._server

    def fresh_server(self) -> Server:
        """Returns a server that has not answered anything yet, for a `with` statement.

        A server that hangs keeps a core busy, so it must be gone before the next subject is measured.
        """
        return Server(self.subject.module)

    def size(self, full: int, quick: int) -> int:
        """Returns the full size of a workload, or the small one in a quick run."""
        return quick if self.is_quick else full

    def close(self) -> None:
        """Stops the server."""
        self._servers.close()
        self._server = None
