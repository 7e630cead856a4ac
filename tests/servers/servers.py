"""The servers that the tests run: their command lines, and their exit statuses."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Server:
    """A server as data.

    `arguments`: the module and its options; `{app}` and `{port}` are filled in. `statuses`: the exit statuses after
    signals, if they are not 0.
    """

    name: str
    arguments: tuple[str, ...]
    statuses: Mapping[signal.Signals, int] = field(default_factory=dict[signal.Signals, int])

    def command(self, app: str, port: int, *options: str) -> list[str]:
        """Returns the command line, with further options."""
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

ACTIVATED = (
    Server(
        "uvicorn-activated",
        ("tests.servers.activated", "{port}", "uvicorn", "{app}", "--fd", "3", "--loop", "uvloop"),
        statuses={signal.SIGTERM: -signal.SIGTERM},
    ),
    Server(
        "uvicorn-asyncio-activated",
        ("tests.servers.activated", "{port}", "uvicorn", "{app}", "--fd", "3", "--loop", "asyncio"),
        statuses={signal.SIGTERM: -signal.SIGTERM},
    ),
    Server("hypercorn-activated", ("tests.servers.activated", "{port}", "hypercorn", "{app}", "--bind", "fd://3")),
)

SERVERS = (UVICORN, UVICORN_PURE, GRANIAN, HYPERCORN)
