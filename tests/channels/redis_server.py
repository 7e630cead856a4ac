"""Runs a Redis for the tests: on a free port, in a folder of its own, ended by its process id."""

import signal
import socket
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

from tests import programs
from tests.ports import free_port

PATIENCE = 20.0

Option = str | int | Path | tuple[str, ...]
Options = Mapping[str, Option]


class RedisServer:
    """A Redis that writes every change to its append-only file before it answers, so that a kill loses nothing.

    `appendfsync`: when the file is written through to the disk. `options`: others of its settings.
    """

    def __init__(self, folder: Path, appendfsync: str = "everysec", options: Options | None = None) -> None:
        self._options: dict[str, Option] = {
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
        options: Options = {"port": self.port, **self._options}
        command = ["redis-server"]
        for name, value in options.items():
            command += [f"--{name}", *map(str, value if isinstance(value, tuple) else (value,))]
        self._launch(command)

    def _launch(self, command: Sequence[str]) -> None:
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
            connection.sendall(_pack(words))
            return connection.recv(65_536)

    def read(self, *words: str | bytes) -> bytes:
        """Returns the answer to a command that only reads, also of a replica of a cluster."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(_pack(["READONLY"]))
            assert connection.recv(65_536) == b"+OK\r\n"
            connection.sendall(_pack(words))
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


class SentinelServer(RedisServer):
    """A Sentinel that watches a Redis by the name "channels", and replaces it soon after it was killed."""

    def __init__(self, folder: Path, watched: RedisServer) -> None:
        super().__init__(folder)
        self._configuration = folder / "sentinel.conf"
        self._configuration.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor channels 127.0.0.1 {watched.port} 1\nsentinel down-after-milliseconds channels 500\n",
            "utf-8",
        )

    def launch(self) -> None:
        """Starts the Sentinel."""
        self._launch(["redis-server", str(self._configuration), "--sentinel"])


def _pack(words: Sequence[str | bytes]) -> bytes:
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


@contextmanager
def running_redis(
    folder: Path, appendfsync: str = "everysec", options: Options | None = None
) -> Generator[RedisServer, None, None]:
    """Starts a server for a block of code. Skips or fails the test if redis-server is missing."""
    programs.require(["redis-server"])
    server = RedisServer(folder, appendfsync, options)
    try:
        server.start()
        yield server
    finally:
        server.kill()
