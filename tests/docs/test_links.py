"""Follows the links of the README and the pages, as a code host and as the built site resolve them."""

import re
import unicodedata
from pathlib import Path

import pytest

from tests.docs.program import ROOT
from tools.examples_in_docs import pages

PAGES = pages(ROOT)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+).+?\1", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
# Syntax of the site's generator, which a code host shows literally.
OF_THE_SITE_ALONE = re.compile(r"^ *(?:-+8<-+|!!!|\?\?\?|===(?!=)).*|\{ *[:#.][^}]*\} *$|\[TOC\]", re.MULTILINE)


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


def anchor_on_a_code_host(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchor_on_the_site(heading: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())


def anchors(page: Path) -> set[str]:
    """Returns the anchors of `page` that the code host and the site spell the same, so that a link may name them."""
    headings = [heading.replace("`", "") for heading in HEADING.findall(prose(page))]
    found = [anchor_on_a_code_host(heading) for heading in headings]
    same = {anchor for anchor, heading in zip(found, headings, strict=True) if anchor == anchor_on_the_site(heading)}
    return {anchor for anchor in same if found.count(anchor) == 1}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_lead_to_files_and_headings(page: Path) -> None:
    for link in LINK.findall(CODE.sub("", prose(page))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.is_file(), link
        # Only what is below docs/ is on the site.
        assert page.name == "README.md" or target.resolve().is_relative_to(ROOT / "docs"), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_contains_nothing_that_only_the_site_understands(page: Path) -> None:
    found = OF_THE_SITE_ALONE.search(CODE.sub("", prose(page)))
    assert found is None, found[0]


@pytest.mark.parametrize(
    "line",
    [
        '--8<-- "docs/examples/head.py"',
        "!!! warning",
        '    ??? note "More"',
        '=== "curl"',
        "# Streams {#streams}",
        "[TOC]",
    ],
)
def test_syntax_of_the_site_is_noticed(line: str) -> None:
    assert OF_THE_SITE_ALONE.search(f"text\n{line}\ntext\n")


@pytest.mark.parametrize(
    ("heading", "on_a_code_host", "on_the_site"),
    [
        ("The client's choice", "the-clients-choice", "the-clients-choice"),
        ("How do I answer with an error?", "how-do-i-answer-with-an-error", "how-do-i-answer-with-an-error"),
        ("NDJSON & arrays", "ndjson--arrays", "ndjson-arrays"),
    ],
)
def test_the_anchors_of_a_heading(heading: str, on_a_code_host: str, on_the_site: str) -> None:
    assert anchor_on_a_code_host(heading) == on_a_code_host
    assert anchor_on_the_site(heading) == on_the_site
