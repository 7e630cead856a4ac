"""Tests sending forms with the documentation page: urlencoded ones, and multipart ones with files."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.docs_page import DocsPage
from tests.programs import needs_program

pytestmark = needs_program("chromium")

SIGNUP: dict[str, Any] = {"name": "Ann & @Bob", "age": 7, "genres": ["a=b", "é"], "is_member": True}


def shown(docs: DocsPage) -> Any:
    """Returns the answer that the page shows."""
    expect(docs.answer).to_contain_text("200 OK")
    return json.loads(docs.answer.locator("pre.json").inner_text())


def sent_by_curl(docs: DocsPage, directory: Path) -> Any:
    """Returns the answer to the command that the page shows, run in the directory."""
    command = ["sh", "-c", docs.page.locator(".curl pre").inner_text()]
    return json.loads(subprocess.run(command, capture_output=True, check=True, cwd=directory, timeout=30).stdout)


@pytest.mark.needs_program("curl")
def test_a_form_has_a_control_for_each_field(docs: DocsPage, tmp_path: Path) -> None:
    docs.open("post/signups")
    expect(docs.page.locator("textarea.body")).to_be_hidden()
    docs.field("name").fill(SIGNUP["name"])
    docs.field("age").fill("7")
    docs.field("genres").fill("a=b\né")
    docs.field("is_member").select_option("true")
    docs.start()
    assert shown(docs) == SIGNUP
    assert sent_by_curl(docs, tmp_path) == SIGNUP


def test_empty_fields_are_not_sent(docs: DocsPage) -> None:
    docs.watch.allow("422 POST /signups")
    docs.open("post/signups")
    docs.start()
    expect(docs.answer.locator(".problem li")).to_contain_text("name")
    docs.field("name").fill("Ann")
    docs.start()
    assert shown(docs) == {"name": "Ann", "age": 0, "genres": [], "is_member": False}


@pytest.mark.needs_program("curl")
def test_files_are_chosen_and_sent(docs: DocsPage, tmp_path: Path) -> None:
    names = ("a.txt", "b c.txt", "cover.png")
    files = [tmp_path / name for name in names]
    for file in files:
        file.write_text(f"<{file.name}>", "utf-8")
    docs.watch.allow("422 POST /uploads")
    docs.open("post/uploads")
    docs.field("title").fill("Two")
    docs.field("files").set_input_files(files[:2])
    docs.field("cover").set_input_files(files[2])
    docs.start()
    uploaded = {"title": "Two", "files": {name: f"<{name}>" for name in names[:2]}, "cover": "cover.png"}
    assert shown(docs) == uploaded
    assert sent_by_curl(docs, tmp_path) == uploaded
    docs.button("Empty again").click()
    docs.start()
    expect(docs.answer.locator(".problem li").first).to_contain_text("title")
