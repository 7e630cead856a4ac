"""One subject's part in one workload."""

from contextlib import ExitStack

from benchmarks.server import Server
from benchmarks.subject import Subject


class Trial:
    """A server is started when it is first asked for, and serves all rounds, unless a round asks for one of its own.

    `round` counts the rounds from 0.
    """

    def __init__(self, subject: Subject, *, is_quick: bool) -> None:
        self.subject = subject
        self.round = 0
        self.is_quick = is_quick
        self._servers = ExitStack()
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """The server, which is warm after its first round."""
        if self._server is None:
            self._server = self._servers.enter_context(Server(self.subject.module))
        return self._server

    def fresh_server(self) -> Server:
        """A server that has answered nothing yet, for a `with` statement.

        One that hangs keeps a core busy: it must not be there while the next subject is measured.
        """
        return Server(self.subject.module)

    def size(self, full: int, quick: int) -> int:
        """The size of the workload: the full one, or one for trying."""
        return quick if self.is_quick else full

    def close(self) -> None:
        """Stops the server."""
        self._servers.close()
        self._server = None
