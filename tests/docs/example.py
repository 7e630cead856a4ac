"""Serves an example as its reader would serve it."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from tests.docs.program import PATIENCE, ROOT, Program

EXAMPLES = ROOT / "docs" / "examples"


class Example:
    """A served example.

    `url`: the address. `program`: the server, which also prints the lines of the example.
    """

    def __init__(self, program: Program, url: str) -> None:
        self.program = program
        self.url = url

    def line_with(self, text: str) -> str:
        """Returns the next line of the server that contains `text`."""
        return self.program.line_with(text)

    def stop(self) -> list[str]:
        """Ends the server as Ctrl+C does. Returns the lines that it still wrote."""
        self.program.interrupt()
        lines = self.program.rest()
        assert self.program.status() == 0
        return lines

    def curl(self, path: str, *options: str) -> Program:
        """Returns a running curl that requests `path` and prints each line as it arrives."""
        limit = f"{PATIENCE:g}"
        command = ["curl", "-N", "--silent", "--show-error", "--noproxy", "*", "--max-time", limit]
        return Program([*command, *options, f"{self.url}{path}"])


@contextmanager
def served(name: str, options: Sequence[str] = ()) -> Generator[Example, None, None]:
    """Runs `uvicorn name:app` in the folder of the examples, on a free port."""
    command = [sys.executable, "-m", "uvicorn", f"{name}:app", "--app-dir", str(EXAMPLES)]
    with Program([*command, "--port", "0", *options]) as program:
        running = program.line_with("Uvicorn running on ")
        yield Example(program, running.split()[4])
