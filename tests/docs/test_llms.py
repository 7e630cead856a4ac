"""Compares `llms.txt`, and the navigation that it is made of, with the pages."""

import re
from pathlib import Path

import pytest

from tests.docs.program import ROOT
from tools.examples_in_docs import pages
from tools.llms import entry, listed, llms, on_post_build


def test_each_page_is_listed_once() -> None:
    below_docs = {page.relative_to(ROOT / "docs").as_posix() for page in pages(ROOT)[1:]}
    assert set(listed(ROOT)) == below_docs
    assert len(listed(ROOT)) == len(below_docs)


def test_each_page_has_a_line_with_its_address_and_what_it_is_about() -> None:
    title, _, description, _, heading, _, *lines = llms(ROOT).splitlines()
    assert (title, heading) == ("# jero", "## Pages")
    assert description.startswith("> A typed, streaming-first ASGI")
    assert len(lines) == len(listed(ROOT))
    assert [line for line in lines if not re.fullmatch(r"- \[.+?\]\([\w/.-]+/\): .{10,300}\.", line)] == []


def test_the_site_has_the_list_at_its_root(tmp_path: Path) -> None:
    on_post_build({"site_dir": str(tmp_path)})
    assert (tmp_path / "llms.txt").read_text("utf-8") == llms(ROOT)
    assert "tools/llms.py" in (ROOT / "mkdocs.yml").read_text("utf-8")


def test_a_line_has_the_first_sentences_without_their_links() -> None:
    before = "# Runs\n\n<!-- comment -->\n```text\nWrong.\n```\n\n## What?\n\n"
    page = f"{before}A [run](a.md) of 0.5 s\nends: so. It\nends. Fourth.\n"
    assert entry("guides/runs.md", page) == "- [Runs](guides/runs/): A run of 0.5 s ends: so. It ends."
    assert entry("index.md", "# jero\n\nIt streams.\n") == "- [jero](./): It streams."
    assert entry("reference/index.md", "# Names\n\nAll. Each\n").startswith("- [Names](reference/): All.")


@pytest.mark.parametrize("page", ["A sentence.\n", "# Title\n\n- a list.\n"])
def test_a_page_without_a_title_or_a_sentence_is_an_error(page: str) -> None:
    with pytest.raises(LookupError, match=r"docs/a\.md"):
        entry("a.md", page)
