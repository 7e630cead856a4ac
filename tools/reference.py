"""Makes Markdown of jero's docstrings, for the reference pages, and names the objects that stand on these pages.

A reference page names each object in a line `::: jero.BaseApp`. When the site is built, the docstring stands there.
"""

import re
from collections.abc import Mapping
from pathlib import Path

DIRECTIVE = re.compile(r"^::: (jero(?:\.\w+)+)$", re.MULTILINE)
# A line of a docstring that begins in this way describes a parameter, a field or an attribute.
DESCRIBES = re.compile(r"`[^`]+`(?:, `[^`]+`)*: ")
# The name of a class, or of a member of one.
NAME = re.compile(r"(?<![\[`])`(?:jero\.(?:\w+\.)*)?([A-Z]\w*)(?:\.\w+)?`(?!`)")


def documented(root: Path) -> list[str]:
    """Returns the paths of the objects on the reference pages, in the order of the pages."""
    pages = sorted((root / "docs/reference").glob("*.md"))
    return [path for page in pages for path in DIRECTIVE.findall(page.read_text("utf-8"))]


def paths_by_name(root: Path) -> dict[str, str]:
    """Returns the paths of the objects on the reference pages, by the name alone."""
    return {path.rpartition(".")[2]: path for path in documented(root)}


def as_markdown(docstring: str, paths: Mapping[str, str]) -> str:
    """Returns a docstring with an item of a list for each name that it describes, blocks of Python, and links.

    `paths` has the paths of the classes to link to, by name.
    """
    return "\n\n".join(as_python(block) if is_code(block) else as_text(block, paths) for block in blocks(docstring))


def blocks(docstring: str) -> list[str]:
    """Returns the paragraphs and the blocks of indented code, which may contain blank lines."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n", docstring.strip("\n")):
        if found and is_code(block) and is_code(found[-1]):
            found[-1] += f"\n\n{block}"
        else:
            found.append(block)
    return found


def is_code(block: str) -> bool:
    return all(line.startswith("    ") for line in block.splitlines() if line)


def as_python(block: str) -> str:
    return "\n".join(["```python", *(line.removeprefix("    ") for line in block.splitlines()), "```"])


def as_text(block: str, paths: Mapping[str, str]) -> str:
    lines: list[str] = []
    is_list = False
    for line in block.splitlines():
        if DESCRIBES.match(line):
            lines += [f"-   {line}"] if is_list or not lines else ["", f"-   {line}"]
            is_list = True
        elif is_list and line.startswith("Raises "):
            lines += ["", line]
            is_list = False
        else:
            lines.append(f"    {line}" if is_list else line)
    return with_links("\n".join(lines), paths)


def with_links(text: str, paths: Mapping[str, str]) -> str:
    """Returns `text` with a link to its class for each name in code that `paths` has."""
    return NAME.sub(lambda name: f"[{name[0]}][{paths[name[1]]}]" if name[1] in paths else name[0], text)
