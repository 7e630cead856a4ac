"""Starts and stops the soak's server: one uvicorn worker, as a user runs it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from benchmarks.soak.connection import HOST, PATIENCE
from benchmarks.soak.rooms import REDIS_URL

ROOT = Path(__file__).parents[2]


class Server:
    """A server's process and its port."""

    def __init__(self, redis_url: str) -> None:
        with socket.create_server((HOST, 0)) as listener:
            self.port: int = listener.getsockname()[1]
        command = (sys.executable, "-m", "uvicorn", "benchmarks.soak.feeds:app", "--port", str(self.port))
        options = ("--log-level", "error", "--no-access-log", "--loop", "uvloop", "--http", "httptools")
        environment = {**os.environ, REDIS_URL: redis_url}
        self._process = subprocess.Popen((*command, *options), cwd=ROOT, env=environment, start_new_session=True)

    def wait_until_it_answers(self) -> None:
        """Waits until the server accepts connections. Raises `TimeoutError` after `PATIENCE` seconds, or if it ends."""
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection((HOST, self.port), PATIENCE).close()
            except OSError:
                sleep(0.05)
            else:
                return
        raise TimeoutError(f"the server has ended, or has not answered within {PATIENCE:g} s")

    def stop(self) -> tuple[int, float]:
        """Sends SIGTERM. Returns the exit status and the seconds until then, or raises `subprocess.TimeoutExpired`."""
        told_at = monotonic()
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE), monotonic() - told_at

    def kill(self) -> None:
        """Kills the process if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)


@contextmanager
def served(redis_url: str) -> Generator[Server, None, None]:
    """Runs a server for the length of the block. Half of its rooms are on the Redis at `redis_url`."""
    server = Server(redis_url)
    try:
        server.wait_until_it_answers()
        yield server
    finally:
        server.kill()
