"""A program that runs beside a test, read line by line as it writes."""

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
    """Its output and its errors are one sequence of lines; whoever waits for one longer than `PATIENCE` fails."""

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

    def line(self) -> str:
        """The next line, without its end. Raises `EOFError` where none follows."""
        try:
            line = self._lines.get(timeout=PATIENCE)
        except Empty:
            raise TimeoutError(f"{self._reader.name} wrote nothing for {PATIENCE:g} seconds") from None
        if line is None:
            raise EOFError(f"{self._reader.name} ended")
        return line

    def line_with(self, text: str) -> str:
        """The next line that holds `text`; those before it are dropped."""
        while text not in (line := self.line()):
            pass
        return line

    def rest(self) -> list[str]:
        """All further lines, once the program has ended by itself."""
        lines: list[str] = []
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            lines.append(line)
        return lines

    def status(self) -> int:
        """The exit status, once the program has ended by itself."""
        return self._process.wait(PATIENCE)

    def interrupt(self) -> None:
        """What Ctrl+C does."""
        self._process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """What `kill` does, and whoever runs services."""
        self._process.send_signal(signal.SIGTERM)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line.removesuffix("\n"))
        self._lines.put(None)
