"""Runs a Redis for the benchmarks."""

import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from benchmarks.client import HOST
from benchmarks.cores import keep_together

PROGRAM = "redis-server"
PATIENCE = 20.0
POLL_SECONDS = 0.01


class RedisServer:
    """A context manager: a Redis on a free port of 127.0.0.1, in memory. Leaving it removes its folder too."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        port = _free_port()
        self.url = f"redis://{HOST}:{port}/0"
        with ExitStack() as stack:
            folder = stack.enter_context(TemporaryDirectory())
            options = {"port": port, "bind": HOST, "dir": folder, "save": "", "appendonly": "no"}
            command = [PROGRAM, *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(_end, self._process)
            _wait(self._process, port)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def keep_together(self) -> None:
        """Moves Redis to the cores of this process."""
        if self._process is not None:
            keep_together(self._process.pid)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{PROGRAM} ended with status {process.returncode} before it answered")
        with suppress(OSError), socket.create_connection((HOST, port), PATIENCE) as connection:
            connection.sendall(b"PING\r\n")
            if connection.recv(64).startswith(b"+PONG"):
                return
        time.sleep(POLL_SECONDS)
    raise RuntimeError(f"{PROGRAM} has not answered within {PATIENCE:g} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
