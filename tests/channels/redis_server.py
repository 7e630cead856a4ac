"""Runs a Redis for the tests: on a free port, in a folder of its own, ended by its process id."""

import signal
import socket
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

from tests import programs
from tests.ports import free_port

PATIENCE = 20.0


class RedisServer:
    """A Redis that writes every change to its append-only file before it answers, so that a kill loses nothing.

    `appendfsync`: when the file is written through to the disk. `options`: others of its settings.
    """

    def __init__(self, folder: Path, appendfsync: str = "everysec", options: Mapping[str, object] | None = None) -> None:
        self._options = {
            "bind": "127.0.0.1",
            "dir": folder,
            "save": "",
            "appendonly": "yes",
            "appendfsync": appendfsync,
            **(options or {}),
        }
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts the server."""
        options = {"port": self.port, **self._options}
        command = ["redis-server", *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait(self) -> None:
        """Waits until the server answers."""
        assert self._process is not None
        deadline = monotonic() + PATIENCE
        while True:
            with suppress(OSError):
                if self.command("PING").startswith(b"+PONG"):
                    return
            assert monotonic() < deadline, "redis-server does not answer"
            assert self._process.poll() is None, (self._folder / "log").read_text("utf-8")

    def command(self, *words: str | bytes) -> bytes:
        """Returns the answer to a command, sent on a new connection."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            parts = [word.encode() if isinstance(word, str) else word for word in words]
            connection.sendall(
                b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
            )
            return connection.recv(65_536)

    def add_entry(self, key: str, *fields: str | bytes) -> bytes:
        """Adds an entry to a stream as another program does, and says that it is there. Returns the answer."""
        added = self.command("XADD", key, "*", *fields)
        self.command("PUBLISH", key, "")
        return added

    @property
    def is_running(self) -> bool:
        """Returns whether the server was started and not killed."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_answering(self) -> bool:
        """Returns whether the server runs and was not stopped."""
        return self.is_running and not self._is_stopped

    def kill(self) -> None:
        """Kills the server, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
        self._is_stopped = False

    def stop_answering(self) -> None:
        """Stops the process. Its connections stay open, but it sends nothing."""
        assert self._process is not None
        self._is_stopped = True
        self._process.send_signal(signal.SIGSTOP)

    def answer_again(self) -> None:
        """Continues the process."""
        assert self._process is not None
        self._is_stopped = False
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def running_redis(folder: Path, appendfsync: str = "everysec") -> Generator[RedisServer, None, None]:
    """Starts a server for a block of code. Skips or fails the test if redis-server is missing."""
    programs.require(["redis-server"])
    server = RedisServer(folder, appendfsync)
    try:
        server.start()
        yield server
    finally:
        server.kill()
