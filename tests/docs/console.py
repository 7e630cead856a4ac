"""Reads the `console` blocks of the pages: commands, and what they print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.example import EXAMPLES
from tests.docs.program import ROOT

README = ROOT / "README.md"
PAGES = [*sorted((ROOT / "docs").glob("*.md")), README]
# The comment above a block names the example that the block shows: see tools/examples_in_docs.py.
FENCE = re.compile(
    r"(?:^<!-- docs/examples/(?P<example>\w+)\.py(?: \w+)? -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SHOWN_ADDRESS = "http://127.0.0.1:8000"
DEMO = "the demo"
FIRST_STEPS = "first_steps"


@dataclass(frozen=True)
class Shown:
    """A command that a page shows, without its prompt, and the lines that it prints.

    `examples`: those that the page shows above the command.
    """

    page: Path
    examples: tuple[str, ...]
    command: str
    lines: tuple[str, ...]

    @property
    def program(self) -> str:
        return self.command.split()[0]

    @property
    def answering(self) -> str:
        """Returns what answers a call of curl.

        It is the nearest example above that serves the path, the demo on the page of the demo, or the first steps.
        """
        path = re.search(rf"{SHOWN_ADDRESS}/(\w*)", self.command)
        assert path is not None, self.command
        for first in (rf"{path[1]}\b", r"{\w+}[/\"]"):  # a literal comes before a slot
            for name in reversed(self.examples):
                source = (EXAMPLES / f"{name}.py").read_text("utf-8")
                if re.search(rf'(path=|_include_group\(\s*)"/{first}', source):
                    return name
        return DEMO if self.page.stem == "demo" else self.examples[-1] if path[1] == "openapi" else FIRST_STEPS


def shown_examples(page: Path) -> list[str]:
    """Returns the names of the examples that a page shows."""
    return [fence["example"] for fence in FENCE.finditer(page.read_text("utf-8")) if fence["example"]]


def shown_commands(page: Path) -> Iterator[Shown]:
    """Yields the commands of a page in order. A block has one command or more, each after a `$`."""
    examples: tuple[str, ...] = ()
    for fence in FENCE.finditer(page.read_text("utf-8")):
        if fence["example"]:
            examples += (fence["example"],)
        if fence["language"] != "console":
            continue
        first, *commands = re.split(r"^\$ ", fence["text"].replace("\\\n", ""), flags=re.MULTILINE)
        assert not first, f"{page.name}: a console block begins with a command, after a `$`: {first}"
        for text in commands:
            command, *lines = text.splitlines()
            yield Shown(page, examples, command, tuple(lines))


COMMANDS = [command for page in PAGES for command in shown_commands(page)]
