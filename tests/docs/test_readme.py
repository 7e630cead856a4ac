"""Checks the README: its examples are tested files, its commands are complete, its links lead to files."""

import re

from tests.docs.example import EXAMPLES, served
from tests.docs.program import ROOT
from tests.programs import needs_program

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def command(marker: str) -> str:
    found = re.search(rf"^<!-- {marker} -->\n```sh\n(.*)\n```$", README, re.MULTILINE)
    assert found is not None, f"no block of one line after <!-- {marker} -->"
    return found[1]


def test_the_examples_are_files() -> None:
    first, second = blocks("python")
    assert first == (EXAMPLES / "first_steps.py").read_text("utf-8")
    assert second in (EXAMPLES / "any_format.py").read_text("utf-8")


@needs_program("curl")
def test_curl_prints_the_shown_output() -> None:
    (console,) = blocks("console")
    call, *lines = console.splitlines()
    with served("first_steps") as example, example.curl(call.partition(":8000")[2]) as curl:
        assert curl.rest() == lines


def test_the_commands_need_only_python_and_pip() -> None:
    assert command("demo-command") == (
        "python3 -m venv .venv && .venv/bin/pip install '.[demo]' && .venv/bin/python -m demo_app"
    )
    assert command("test-command") == "python3 -m venv .venv && .venv/bin/pip install nox && .venv/bin/nox"


def test_the_links_into_the_checkout_lead_to_files() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert {"docs/streams.md", "docs/first-steps.md", "LICENSE"} <= set(links)
    for link in links:
        assert (ROOT / link).is_file(), link
