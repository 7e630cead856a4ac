"""Compares the pages with the code: runs each example, and checks each output that a page shows."""

import re
import shlex
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import asdict

from jero import NDJSONStreamingResponse, SSEResponse, StreamPolicy
from jero.policy import EndReason
from tests.docs.example import EXAMPLES, STAND_INS, Example, served, served_gateway
from tests.docs.program import ROOT
from tests.programs import needs_program

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
# The comment above a block names the example that the block shows: see tools/examples_in_docs.py.
FENCE = re.compile(
    r"(?:^<!-- docs/examples/(?P<example>\w+)\.py(?: \w+)? -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SHOWN_ADDRESS = "http://127.0.0.1:8000"
# These headers differ from one response to the next.
UNSHOWN = re.compile(r"(date|server): ")


@dataclass(frozen=True)
class Shown:
    """A call of curl that a page shows: the example that answers it, the command, and the printed lines."""

    example: str
    command: str
    lines: list[str]


def shown_examples(page: Path) -> list[str]:
    return [fence["example"] for fence in FENCE.finditer(page.read_text("utf-8")) if fence["example"]]


def shown_calls(page: Path) -> list[Shown]:
    calls: list[Shown] = []
    examples: list[str] = []
    for fence in FENCE.finditer(page.read_text("utf-8")):
        if fence["example"]:
            examples.append(fence["example"])
        command, *lines = fence["text"].replace("\\\n", "").splitlines()
        if command.startswith("$ curl") and lines:
            calls.append(Shown(answering(examples, command), command, lines))
    return calls


def answering(examples: list[str], command: str) -> str:
    """Returns the nearest example above that serves the path, or the first steps if no example does."""
    path = re.search(rf"{SHOWN_ADDRESS}/(\w*)", command)
    assert path is not None, command
    for name in reversed(examples):
        if re.search(rf'path="/({path[1]}|{{\w+}})\b', (EXAMPLES / f"{name}.py").read_text("utf-8")):
            return name
    return "first_steps"


CALLS = [call for page in PAGES for call in shown_calls(page)]


def printed(example: Example, call: Shown) -> list[str]:
    _, _, *arguments = shlex.split(call.command)
    url = next(argument for argument in arguments if argument.startswith(SHOWN_ADDRESS))
    arguments.remove(url)
    with example.curl(url.removeprefix(SHOWN_ADDRESS), *arguments) as curl:
        if call.lines[-1] == "...":
            return [curl.line() for _ in call.lines[:-1]] + ["..."]
        return [line for line in curl.rest() if not UNSHOWN.match(line)]


@contextmanager
def served_alone_or_behind(name: str) -> Generator[Example, None, None]:
    """Serves an example, and the service behind it if it is a gateway."""
    if name in STAND_INS:
        with served_gateway(name) as (gateway, _):
            yield gateway
        return
    with served(name) as example:
        yield example


@needs_program("curl")
@pytest.mark.parametrize("name", sorted({call.example for call in CALLS}))
def test_curl_prints_what_the_pages_show(name: str) -> None:
    with served_alone_or_behind(name) as example:
        for call in CALLS:
            if call.example == name:
                assert printed(example, call) == call.lines, call.command


def test_pages_show_calls() -> None:
    assert len(CALLS) > 10


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_python_on_a_page_names_its_example(page: Path) -> None:
    for fence in FENCE.finditer(page.read_text("utf-8")):
        if fence["language"] == "python":
            assert fence["example"], f"put <!-- docs/examples/NAME.py --> above this block:\n{fence['text']}"


def test_each_example_is_on_a_page_and_has_its_test() -> None:
    examples = {path.stem for path in EXAMPLES.glob("*.py")}
    assert examples == {name for page in PAGES for name in shown_examples(page)}
    assert examples == {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")} - {
        "ending",
        "examples_in_docs",
        "links",
        "pages",
        "readme",
        "reference",
    }


def test_the_tour_names_each_room() -> None:
    tour = (DOCS / "house.md").read_text("utf-8")
    table = tour.partition("## Which rooms are there?")[2].partition("\n## ")[0]
    rooms = {path.name for path in (ROOT / "jero").glob("*.py")} - {"__init__.py"}
    rooms |= {f"{path.parent.name}/" for path in (ROOT / "jero").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == rooms
    for file in re.findall(r"\b\w+/\w+\.py\b", tour):
        assert (ROOT / "jero" / file).is_file() or (ROOT / file).is_file(), file


def test_the_table_of_limits_has_the_defaults_of_the_policy() -> None:
    page = (DOCS / "streams.md").read_text("utf-8")
    section = page.partition("## How do I set the limits of a stream?")[2].partition("\n## ")[0]
    defaults = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
    policy = asdict(StreamPolicy())
    graces = (SSEResponse.first_item_grace, NDJSONStreamingResponse.first_item_grace)
    assert policy.pop("first_item_grace") is None
    assert defaults.pop("first_item_grace") == "{:g} s for an `SSEResponse`, {:g} s for the others".format(*graces)
    assert defaults == {field: str(default) for field, default in policy.items()}


def test_the_table_of_endings_has_each_reason() -> None:
    page = (DOCS / "streams.md").read_text("utf-8")
    section = page.partition("## How does a stream live and end?")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == get_args(EndReason)
