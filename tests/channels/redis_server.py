"""A Redis of the tests' own: on a free port, with a folder of its own, ended by its process id."""

import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from time import monotonic

from tests.ports import free_port

PATIENCE = 20.0


class RedisServer:
    """It writes every change to its append-only file before it answers, so that a kill loses nothing.

    `appendfsync`: when that is on the disk, too.
    """

    def __init__(self, folder: Path, appendfsync: str = "everysec") -> None:
        self._options = {
            "bind": "127.0.0.1",
            "dir": folder,
            "save": "",
            "appendonly": "yes",
            "appendfsync": appendfsync,
        }
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        options = {"port": self.port, **self._options}
        command = ["redis-server", *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = monotonic() + PATIENCE
        while True:
            with suppress(OSError):
                if self.command("PING").startswith(b"+PONG"):
                    return
            assert monotonic() < deadline, "redis-server does not answer"
            assert self._process.poll() is None, (self._folder / "log").read_text("utf-8")

    def command(self, *words: str | bytes) -> bytes:
        """What it answers to a command, by a connection of its own."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            parts = [word.encode() if isinstance(word, str) else word for word in words]
            connection.sendall(
                b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
            )
            return connection.recv(65_536)

    def kill(self) -> None:
        """Ends it as a power switch does; nothing to do where it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)

    def stop_answering(self) -> None:
        """Its connections stay, and nothing comes by them."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def answer_again(self) -> None:
        """It goes on where it stopped."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
