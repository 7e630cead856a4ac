"""Starts a gateway of one subject, with the chat service behind it."""

from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from benchmarks.chat_clients import Chats
from benchmarks.client import HOST
from benchmarks.server import Server
from benchmarks.subject import Subject

# An environment variable: the base URL of the chat service.
UPSTREAM_URL: Final = "BENCHMARKS_UPSTREAM_URL"


class Gateway:
    """A context manager: a gateway on a core of its own, and a chat service on the core of the clients.

    `port` is the gateway's, `upstream_port` the chat service's.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._stack = ExitStack()
        self.port = self.upstream_port = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            upstream = stack.enter_context(Server("benchmarks.chat_upstream"))
            self.upstream_port = upstream.port
            environment = {UPSTREAM_URL: f"http://{HOST}:{upstream.port}"}
            subject = self._subject
            server = Server(subject.gateway_module, environment=environment, interpreter=subject.interpreter)
            self._server = stack.enter_context(server)
            self.port = server.port
            upstream.keep_together()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def cost(self, chats: Chats, *, settling: float = 0.0) -> tuple[float, list[float]]:
        """Reads the streams. Returns the microseconds of the gateway's CPU for a chunk, and the ages of the chunks.

        The opening and the end of the streams are not counted. The ages of the first `settling` seconds are left out.
        """
        with chats:
            before = self._server.read().cpu
            arrived = chats.read()
            used = self._server.read().cpu - before
        return used / max(1, arrived) * 1e6, chats.ages(settling=settling)
