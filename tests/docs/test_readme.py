"""Checks the README: its example is a tested file, its commands are complete, its links lead to files.

test_pages.py compares what its calls of curl print.
"""

import re

from tests.docs.example import EXAMPLES
from tests.docs.program import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def command(marker: str) -> str:
    found = re.search(rf"^<!-- {marker} -->\n```sh\n(.*)\n```$", README, re.MULTILINE)
    assert found is not None, f"no block of one line after <!-- {marker} -->"
    return found[1]


def test_the_example_is_a_file() -> None:
    (example,) = blocks("python")
    assert example == (EXAMPLES / "words.py").read_text("utf-8")


def test_the_commands_need_only_python_and_pip() -> None:
    assert command("demo-command") == (
        "python3 -m venv .venv && .venv/bin/pip install '.[demo]' && .venv/bin/python -m demo_app"
    )
    assert command("test-command") == "python3 -m venv .venv && .venv/bin/pip install nox && .venv/bin/nox"


def test_the_command_of_the_demo_is_that_of_its_page() -> None:
    assert f"\n$ {command('demo-command')}\n" in (ROOT / "docs" / "demo.md").read_text("utf-8")


def test_the_moving_pictures_are_small() -> None:
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', README)
    assert pictures == ["docs/demo-dark.webp", "docs/demo-light.webp"]
    for picture in pictures:
        content = (ROOT / picture).read_bytes()
        assert (content[:4], content[8:12]) == (b"RIFF", b"WEBP")
        assert content.count(b"ANMF") > 20, "not a moving picture"
        assert len(content) < 1_500_000


def test_the_links_into_the_checkout_lead_to_files() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert {"docs/streams.md", "docs/first-steps.md", "LICENSE"} <= set(links)
    for link in links:
        assert (ROOT / link.partition("#")[0]).is_file(), link
