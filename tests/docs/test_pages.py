"""Compares the pages with the code: runs each command that a page shows, and checks what it prints."""

import re
import shlex
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import asdict

from jero import NDJSONStreamingResponse, SSEResponse, StreamPolicy
from jero.policy import EndReason
from tests.demo.running import demo_process
from tests.docs.console import COMMANDS, DEMO, FENCE, PAGES, SHOWN_ADDRESS, Shown, shown_examples
from tests.docs.example import EXAMPLES, STAND_INS, Example, served, served_gateway
from tests.docs.program import ROOT
from tests.programs import needs_program

DOCS = ROOT / "docs"
# These headers differ from one response to the next.
UNSHOWN = re.compile(r"(date|server): ")
# What a run is named on the pages. Each real run has another name.
SHOWN_RUN = "zkJqdLL8ExmquMYj4OC-ZA"
CALLS = [shown for shown in COMMANDS if shown.program == "curl"]
# Commands that a page shows without what they print: they install or start something.
STARTING = (
    *(r"mkdir \w+", r"cd \w+", r"python3 -m venv \.venv", r"\. \.venv/bin/activate", r"export \w+=\S+"),
    r"pip install [a-z -]+",  # the tests of the examples import it
    *(r"pip install '\.(\./jero)?\[[\w,]+\]'.*", r"(\.venv/bin/)?(uvicorn|gunicorn|granian|hypercorn) .*"),
    r"pytest \w+\.py",  # the test of that example runs it
    r"gzip --stdout \w+\.ndjson +\| curl .*",  # test_compressed.py sends such a body
    r"schemathesis run .*",  # tests/demo/test_openapi.py runs it
    r"nox -s bench.*|python -m (benchmarks|tools\.examples_in_docs).*",
    r"python3 -m venv .* && \.venv/bin/python -m demo_app",  # test_readme.py compares it, and tests/demo runs it
)


def printed(example: Example, call: Shown) -> list[str]:
    _, *arguments = shlex.split(call.command)
    url = next(argument for argument in arguments if argument.startswith(SHOWN_ADDRESS))
    arguments.remove(url)
    with example.curl(url.removeprefix(SHOWN_ADDRESS), *arguments) as curl:
        if call.lines[-1] == "...":
            return [curl.line() for _ in call.lines[:-1]] + ["..."]
        return [line for line in curl.rest() if not UNSHOWN.match(line)]


def answer_to(example: Example, call: Shown, run: str) -> str:
    """Sends a call whose answer is not shown. Returns the beginning of its successful response, up to the first line.

    `run`: the name of a run that goes where the page has another one.
    """
    _, *arguments = shlex.split(call.command.replace(SHOWN_RUN, run))
    url = next(argument for argument in arguments if argument.startswith(SHOWN_ADDRESS))
    arguments.remove(url)
    with example.curl(url.removeprefix(SHOWN_ADDRESS), "--include", *arguments) as curl:
        head = [curl.line()]
        assert head[0].split()[1] in {"200", "201", "202"}, (call.command, head)
        while head[-1]:
            head.append(curl.line())
        return "\n".join([*head, curl.line()])


@contextmanager
def served_as_shown(name: str) -> Generator[Example, None, None]:
    """Serves an example, and the service behind it if it is a gateway. Or serves the demo."""
    if name == DEMO:
        with demo_process() as (program, url):
            yield Example(program, url)
    elif name in STAND_INS:
        with served_gateway(name) as (gateway, _):
            yield gateway
    else:
        with served(name) as example:
            yield example


@needs_program("curl")
@pytest.mark.parametrize("name", sorted({call.answering for call in CALLS}))
def test_curl_prints_what_the_pages_show(name: str) -> None:
    run = ""
    with served_as_shown(name) as example:
        for call in CALLS:
            if call.answering != name:
                continue
            if call.lines:
                assert printed(example, call) == list(call.lines), call.command
                continue
            answer = answer_to(example, call, run)
            named = re.search(r'(?:location: /\w+/|"id": ?")([\w-]{22})\b', answer)
            run = named[1] if named else run


def test_each_command_of_a_page_is_checked() -> None:
    for shown in COMMANDS:
        script = re.fullmatch(r"python (\w+)\.py", shown.command)
        if script:
            test = (Path(__file__).parent / f"test_{script[1]}.py").read_text("utf-8")
            assert f"$ {shown.command}" in test, f"compare what {shown.command} prints with {shown.page.name}"
        elif shown.program != "curl":
            assert not shown.lines, f"{shown.page.name}: nothing compares what this prints: {shown.command}"
            known = any(re.fullmatch(pattern, shown.command) for pattern in STARTING)
            assert known, f"{shown.page.name}: nothing runs this: {shown.command}"


def test_each_block_of_commands_is_found() -> None:
    for page in PAGES:
        blocks = re.findall(r"^ *```+ *console", page.read_text("utf-8"), re.MULTILINE)
        found = [fence for fence in FENCE.finditer(page.read_text("utf-8")) if fence["language"] == "console"]
        assert len(blocks) == len(found), page.name
    assert len(CALLS) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
        "llms",
        "pages",
        "readme",
        "reference",
    }


def test_each_configuration_is_on_a_page() -> None:
    shown = "".join(page.read_text("utf-8") for page in PAGES)
    for path in (EXAMPLES / "deployment").iterdir():
        assert f"<!-- docs/examples/deployment/{path.name} -->\n```" in shown


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
