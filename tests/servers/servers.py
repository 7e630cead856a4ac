"""The servers that jero is held to the same list on: each is its command line, and the status it exits with."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Server:
    """A server as data.

    `arguments`: its module and its options; `{app}` and `{port}` are put in. `statuses`: its exit status after a
    signal, where that is not 0.
    """

    name: str
    arguments: tuple[str, ...]
    statuses: Mapping[signal.Signals, int] = field(default_factory=dict[signal.Signals, int])

    def command(self, app: str, port: int, *options: str) -> list[str]:
        """What runs it, with further options of its own."""
        arguments = (argument.format(app=app, port=port) for argument in self.arguments)
        return [sys.executable, "-m", *arguments, *options]


UVICORN = Server(
    "uvicorn",
    ("uvicorn", "{app}", "--port", "{port}", "--loop", "uvloop", "--http", "httptools"),
    statuses={signal.SIGTERM: -signal.SIGTERM},
)
UVICORN_PURE = Server(
    "uvicorn-h11-asyncio",
    ("uvicorn", "{app}", "--port", "{port}", "--loop", "asyncio", "--http", "h11"),
    statuses={signal.SIGTERM: -signal.SIGTERM},
)
GRANIAN = Server("granian", ("granian", "{app}", "--interface", "asgi", "--port", "{port}"))
HYPERCORN = Server("hypercorn", ("hypercorn", "{app}", "--bind", "127.0.0.1:{port}"))

SERVERS = (UVICORN, UVICORN_PURE, GRANIAN, HYPERCORN)
