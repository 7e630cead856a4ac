"""Runs a program during a test, and reads its lines as it writes them."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


class Program:
    """A running program: its output and its errors are one sequence of lines.

    Each method that waits raises `TimeoutError` or `subprocess.TimeoutExpired` after `PATIENCE` seconds.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._reader = Thread(target=self._read, name=" ".join(command), daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    @property
    def process_id(self) -> int:
        """Returns the id of the program's process."""
        return self._process.pid

    def line(self) -> str:
        """Returns the next line, without its line break. Raises `EOFError` if the program has ended."""
        try:
            line = self._lines.get(timeout=PATIENCE)
        except Empty:
            raise TimeoutError(f"{self._reader.name} wrote nothing for {PATIENCE:g} seconds") from None
        if line is None:
            raise EOFError(f"{self._reader.name} ended")
        return line

    def line_with(self, text: str) -> str:
        """Returns the next line that contains `text`, and drops the lines before it."""
        while text not in (line := self.line()):
            pass
        return line

    def rest(self) -> list[str]:
        """Waits until the program ends. Returns all further lines."""
        lines: list[str] = []
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            lines.append(line)
        return lines

    def status(self) -> int:
        """Waits until the program ends. Returns the exit status."""
        return self._process.wait(PATIENCE)

    def interrupt(self) -> None:
        """Sends SIGINT, as Ctrl+C does."""
        self._process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """Sends SIGTERM, as `kill` and service managers do."""
        self._process.send_signal(signal.SIGTERM)

    def hang_up(self) -> None:
        """Sends SIGHUP, as `systemctl reload` does for many servers."""
        self._process.send_signal(signal.SIGHUP)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line.removesuffix("\n"))
        self._lines.put(None)
