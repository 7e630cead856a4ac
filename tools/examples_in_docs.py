"""Copies the example files and the published figures into the pages that show them.

A page names what it shows in a comment, which its readers do not see:

- `<!-- docs/examples/head.py -->` stands just above a block of Python: the block is the whole file.
- `<!-- docs/examples/head.py Download -->`: the block is the class or function `Download` of that file.
- `<!-- docs/examples/deployment/nginx.conf -->` stands just above a block of any language: the block is the whole file.
- `<!-- benchmarks/published.md -->` and `<!-- end of benchmarks/published.md -->` enclose the text of that file.

Change a file, then run `python -m tools.examples_in_docs`. With `--check` no page is written, and the exit status is 1
if a page differs from what it shows.
"""

import ast
import re
import sys
from functools import partial
from pathlib import Path

from tools.update_pages import ROOT, run, with_parts

COMMAND = "python -m tools.examples_in_docs"
EXAMPLE = re.compile(
    r"^(?P<begin><!-- (?P<path>docs/examples/[\w./-]+)(?: (?P<name>\w+))? -->\n```\w+\n).*?^(?P<end>```)$",
    re.MULTILINE | re.DOTALL,
)
FIGURES = re.compile(r"^<!-- (benchmarks/\w+\.md) -->$", re.MULTILINE)


def pages(root: Path) -> list[Path]:
    """Returns the README and the pages of the documentation."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def with_present_text(page: str, root: Path) -> str:
    """Returns the text of `page` with every example and figure as its file is now."""

    def example(shown: re.Match[str]) -> str:
        source = (root / shown["path"]).read_text("utf-8")
        return shown["begin"] + (definition(source, shown["name"]) if shown["name"] else source) + shown["end"]

    figures = {path: partial((root / path).read_text, "utf-8") for path in FIGURES.findall(page)}
    return with_parts(EXAMPLE.sub(example, page), figures)


def definition(source: str, name: str) -> str:
    """Returns the lines of the class or function `name`, decorators included.

    Raises `LookupError` if no statement at the top of `source` defines it.
    """
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return "".join(source.splitlines(keepends=True)[first - 1 : node.end_lineno])
    raise LookupError(f"no class or function {name}: correct the comment above the block")


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Runs the command. Returns its exit status."""
    paths = [str(page.relative_to(root)) for page in pages(root)]
    return run(arguments, COMMAND, paths, partial(with_present_text, root=root), root)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
