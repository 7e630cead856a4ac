"""Starts a subject's server, and reads what it uses, from the process that measures it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Self

import msgspec

from benchmarks.cores import keep_apart, keep_together, share_all
from benchmarks.serve import Reading


class Server:
    """A context manager: a server that listens on `port` of 127.0.0.1. Leaving it kills the server; some never stop.

    `module`: contains the application as `app`. `environment`: added to this process's own. `place`: the core that the
    server has for itself, counted from the last. `interpreter`: the Python that has the application's packages.
    """

    def __init__(
        self,
        module: str,
        *,
        environment: Mapping[str, str] | None = None,
        place: int = 0,
        interpreter: str = sys.executable,
    ) -> None:
        self._command = [interpreter, "-m", "benchmarks.serve", module]
        self._environment = {**os.environ, **(environment or {})}
        self._place = place
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.port = int(self._line())
        keep_apart(self._process.pid, self._place)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def share_cores(self) -> None:
        """Lets the server, this process and all that it starts run on every core."""
        if self._process is not None:
            share_all(self._process.pid)

    def keep_together(self) -> None:
        """Moves the server to the cores of this process."""
        if self._process is not None:
            keep_together(self._process.pid)

    def read(self) -> Reading:
        """Returns the use of the server's process until now."""
        asking = self._pipe("stdin")
        asking.write("\n")
        asking.flush()
        return msgspec.json.decode(self._line(), type=Reading)

    def _line(self) -> str:
        line = self._pipe("stdout").readline()
        if not line:
            raise RuntimeError(f"the server ended: run {' '.join(self._command)} in a terminal to see why")
        return line

    def _pipe(self, name: str) -> IO[str]:
        pipe: IO[str] | None = getattr(self._process, name, None)
        if pipe is None:
            raise RuntimeError("the server is not running: enter it with a with statement first")
        return pipe
