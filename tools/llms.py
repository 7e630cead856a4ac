"""Writes `llms.txt` into the built site: a list of all pages, each with its first sentences (see llmstxt.org).

mkdocs calls `on_post_build` when it has built the site: mkdocs.yml names this file as a hook. `python -m tools.llms`
prints the list.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = re.compile(
    r"^site_description: (?P<description>[^\n]+)$.*?^nav:\n(?P<nav>(?: [^\n]*\n)+)", re.MULTILINE | re.DOTALL
)
PAGE = re.compile(r"([\w/-]+\.md)$", re.MULTILINE)
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
# Blocks that are not sentences: headings, code, comments, tables, quotes, lists and directives.
NO_SENTENCES = ("#", "```", "<!--", "|", ">", "- ", "1. ", ":::", "!")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
# Three at most. A dot within a name or a number ends none.
FIRST_SENTENCES = re.compile(r"(?:.+?[.:?](?=\s|$)){1,3}")


def listed(root: Path) -> list[str]:
    """Returns the pages in the order of the navigation, as paths below docs/."""
    return PAGE.findall(settings(root)["nav"])


def settings(root: Path) -> re.Match[str]:
    """Returns the description and the navigation of the site. Raises `LookupError` if mkdocs.yml lacks one of them."""
    found = SETTINGS.search((root / "mkdocs.yml").read_text("utf-8"))
    if found is None:
        raise LookupError("mkdocs.yml has no site_description that is followed by a nav")
    return found


def entry(path: str, text: str) -> str:
    """Returns the line of a page. Raises `LookupError` unless the page has a title and a sentence."""
    title = TITLE.search(text)
    blocks = (block for block in FENCE.sub("", text).split("\n\n") if block.strip())
    sentences = (block.strip() for block in blocks if not block.strip().startswith(NO_SENTENCES))
    first = FIRST_SENTENCES.match(LINK.sub(r"\1", " ".join(next(sentences, "").split())))
    if title is None or first is None:
        raise LookupError(f"docs/{path}: write a title and, below it, a sentence that says what the page is about")
    url = path.removesuffix("index.md") if path.endswith("index.md") else path.removesuffix(".md") + "/"
    return f"- [{title[1]}]({url or './'}): {first[0].rstrip(':.')}."


def llms(root: Path) -> str:
    """Returns the text of `llms.txt`."""
    entries = [entry(path, (root / "docs" / path).read_text("utf-8")) for path in listed(root)]
    return "\n".join(["# jero", "", f"> {settings(root)['description']}", "", "## Pages", "", *entries, ""])


def on_post_build(config: Mapping[str, Any], **_: object) -> None:
    """Writes the list to the root of the site."""
    (Path(config["site_dir"]) / "llms.txt").write_text(llms(ROOT), "utf-8")


if __name__ == "__main__":
    sys.stdout.write(llms(ROOT))
