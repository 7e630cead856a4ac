"""Serves an example as its reader would serve it."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import pytest

from tests.docs.program import PATIENCE, ROOT, Program

EXAMPLES = ROOT / "docs" / "examples"
# The service behind each gateway.
STAND_INS = {"gateway": "chat_service", "openai_gateway": "chat_service", "anthropic_gateway": "messages_service"}


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


def running(name: str, options: Sequence[str] = ()) -> Program:
    """Runs `uvicorn name:app` in the folder of the examples, on a free port."""
    command = [sys.executable, "-m", "uvicorn", f"{name}:app", "--app-dir", str(EXAMPLES)]
    return Program([*command, "--port", "0", *options])


@contextmanager
def served(name: str, options: Sequence[str] = ()) -> Generator[Example, None, None]:
    """Runs an example, and yields it when it is served."""
    with running(name, options) as program:
        line = program.line_with("Uvicorn running on ")
        yield Example(program, line.split()[4])


@contextmanager
def served_gateway(name: str) -> Generator[tuple[Example, Example], None, None]:
    """Serves a gateway and the stand-in behind it, each in its own process. Yields both."""
    with served(STAND_INS[name]) as service, served_to(name, service.url) as gateway:
        yield gateway, service


@contextmanager
def served_to(name: str, *upstreams: str) -> Generator[Example, None, None]:
    """Serves a gateway to the services at these addresses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPSTREAM", " ".join(upstreams))
        with served(name) as gateway:
            yield gateway
