"""Reads the checkout's documentation, and splits it into passages that are short enough to quote."""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

CHECKOUT = Path(__file__).resolve().parents[2]
PASSAGE_CHARACTERS = 700

# The reference has only names until the site is built, and the changelog answers no question.
_NOT_QUOTED = {"reference", "changelog.md"}

_HEADING = re.compile(r"#{1,6} +(.+?)(?: *\{.*\})?$")
# A file that a page shows is too long to quote: see tools/examples_in_docs.py.
_SHOWN_FILE = re.compile(
    r"^<!-- (\S+\.\w+)(?: \w+)? -->\n(?:```.*?^```|.*?^<!-- end of \1 -->)$", re.MULTILINE | re.DOTALL
)


class Passage(Struct, frozen=True):
    """A passage: the path of its page in the checkout, the heading above it, and its text."""

    page: str
    heading: str
    text: str


def read_documentation(root: Path = CHECKOUT) -> list[Passage]:
    """Returns the passages of the README and of the pages under `docs`. A package without them has no passages."""
    docs = root / "docs"
    pages = [path for path in sorted(docs.rglob("*.md")) if path.relative_to(docs).parts[0] not in _NOT_QUOTED]
    if (root / "README.md").is_file():
        pages.insert(0, root / "README.md")
    return [
        passage for page in pages for passage in split_page(page.relative_to(root).as_posix(), page.read_text("utf-8"))
    ]


def split_page(page: str, markdown: str) -> Iterator[Passage]:
    """Yields the passages of a page. A section is cut between paragraphs, after about `PASSAGE_CHARACTERS`."""
    heading, paragraphs = page, list[str]()
    for block in _blocks(_SHOWN_FILE.sub(r"(see \1)", markdown)):
        title = _HEADING.fullmatch(block)
        full = sum(map(len, paragraphs)) + len(block) > PASSAGE_CHARACTERS
        if paragraphs and (title or full):
            yield Passage(page, heading, "\n\n".join(paragraphs))
            paragraphs = []
        if title:
            heading = title[1]
        else:
            paragraphs.append(block)
    if paragraphs:
        yield Passage(page, heading, "\n\n".join(paragraphs))


def _blocks(markdown: str) -> Iterator[str]:
    """Yields the blocks between blank lines. A heading is a block of its own, and a fenced block stays whole."""
    lines: list[str] = []
    in_fence = False
    for line in [*markdown.splitlines(), ""]:
        is_fence = line.lstrip().startswith("```")
        ends = not in_fence and (not line.strip() or _HEADING.fullmatch(line) is not None)
        if not ends:
            lines.append(line)
        in_fence ^= is_fence
        if ends and lines:
            yield "\n".join(lines)
            lines = []
        if ends and line.strip():
            yield line
