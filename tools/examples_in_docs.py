"""Copies the example files and the published figures into the pages that show them.

A page names what it shows in a comment, which its readers do not see:

- `<!-- docs/examples/head.py -->` stands just above a block of Python: the block is the whole file.
- `<!-- docs/examples/head.py Download -->`: the block is the class or function `Download` of that file.
- `<!-- benchmarks/published.md -->` and `<!-- end of benchmarks/published.md -->` enclose the text of that file.

Change a file, then run `python tools/examples_in_docs.py`. With `--check` no page is written, and the exit status is 1
if a page differs from what it shows.
"""

import argparse
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python tools/examples_in_docs.py"
EXAMPLE = re.compile(
    r"^(?P<begin><!-- (?P<path>docs/examples/\w+\.py)(?: (?P<name>\w+))? -->\n```python\n).*?^(?P<end>```)$",
    re.MULTILINE | re.DOTALL,
)
FIGURES = re.compile(
    r"^(?P<begin><!-- (?P<path>benchmarks/\w+\.md) -->\n).*?^(?P<end><!-- end of (?P=path) -->)$",
    re.MULTILINE | re.DOTALL,
)


def pages(root: Path) -> list[Path]:
    """Returns the README and the pages of the documentation."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def with_present_text(page: str, root: Path) -> str:
    """Returns the text of `page` with every example and figure as its file is now."""

    def example(shown: re.Match[str]) -> str:
        source = (root / shown["path"]).read_text("utf-8")
        return shown["begin"] + (definition(source, shown["name"]) if shown["name"] else source) + shown["end"]

    def figures(shown: re.Match[str]) -> str:
        # A blank line ends the comment: without it the first line would be part of the comment's block.
        return f"{shown['begin']}\n{(root / shown['path']).read_text('utf-8')}\n{shown['end']}"

    return FIGURES.sub(figures, EXAMPLE.sub(example, page))


def definition(source: str, name: str) -> str:
    """Returns the lines of the class or function `name`, decorators included.

    Raises `LookupError` if no statement at the top of `source` defines it.
    """
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return "".join(source.splitlines(keepends=True)[first - 1 : node.end_lineno])
    raise LookupError(f"no class or function {name}: correct the comment above the block")


def update(root: Path, *, is_check: bool) -> list[Path]:
    """Writes the pages that differ from what they show, unless `is_check`. Returns these pages."""
    stale: list[Path] = []
    for page in pages(root):
        text = page.read_text("utf-8")
        present = with_present_text(text, root)
        if present != text:
            stale.append(page.relative_to(root))
            if not is_check:
                page.write_text(present, "utf-8")
    return stale


def main(arguments: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Copies the example files into the pages of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page would change")
    is_check: bool = parser.parse_args(arguments).check
    stale = update(ROOT, is_check=is_check)
    for page in stale:
        print(f"{page} differs from its examples. Run: {COMMAND}" if is_check else f"{page} is written")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
