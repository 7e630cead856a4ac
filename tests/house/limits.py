"""The limits of the house, each a pure function from a source to the faults in it."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

FILE_LINES = 450
FUNCTION_LINES = 40
SUPPRESSIONS_PER_1000_LINES = 3
NONDESCRIPT_NAMES = {"utils", "helpers", "common", "base", "core", "misc"}
# What the extras install: an import of these may wait until a function needs it.
EXTRAS = {"httpx", "jwt", "openai", "redis", "uvicorn"}
# Modules that import an extra at their top, and so wait for it too.
NEEDING_EXTRAS = {
    "jero.channels.redis",
    "jero.client.client",
    "jero.client.event_source",
    "jero.client.refused",
}
LIMIT_RULES = re.compile(r"\b(C901|PLR0913)\b")
SUPPRESSION = re.compile(
    r"""\#\s*(?:
      (?:ruff:\s*)? noqa \b (?:: \s* [A-Z]+\d+ (?:[,\s]+ [A-Z]+\d+)*)?
      | (?:type|pyright): \s* ignore \b (?:\[ [^\]]+ \])?
      | (?:mypy|pyright|ruff|fmt|isort|pragma): \s* [\w-]+
    )""",
    re.VERBOSE | re.IGNORECASE,
)
REASON_LETTERS = 10

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the top of the checkout, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @cached_property
    def suppressions(self) -> list[tokenize.TokenInfo]:
        """The comments that silence a checker; a string that only speaks of them is none."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [token for token in tokens if token.type == tokenize.COMMENT and SUPPRESSION.search(token.string)]

    def at(self, line: int, fault: str) -> str:
        return f"{self.path}:{line}: {fault}"


def long_file(source: Source) -> Iterator[str]:
    if source.lines > FILE_LINES:
        yield source.at(source.lines, f"{source.lines} lines, at most {FILE_LINES}")


def long_functions(source: Source) -> Iterator[str]:
    for function in source.functions:
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES:
            yield source.at(function.lineno, f"{function.name} has {lines} lines, at most {FUNCTION_LINES}")


def type_checking_blocks(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING") | ast.alias(name="TYPE_CHECKING"):
                yield source.at(node.lineno, "TYPE_CHECKING hides a circle: move what both sides need a floor down")
            case _:
                pass


def hidden_imports(source: Source) -> Iterator[str]:
    found = {
        (node.lineno, module)
        for function in source.functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in imported(node)
    }
    for line, module in sorted(found):
        if module.partition(".")[0] not in EXTRAS and module not in NEEDING_EXTRAS:
            yield source.at(line, f"import of {module} inside a function; only an extra may wait")


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return ["." * node.level + (node.module or "")]


def unexplained_suppressions(source: Source) -> Iterator[str]:
    for token in source.suppressions:
        line = token.start[0]
        if LIMIT_RULES.search(token.string):
            yield source.at(line, "complexity and arguments have no exceptions")
        if token.line.lstrip().startswith("#"):
            yield source.at(line, "a suppression stands on the line it is for, never over a block or a file")
        if len(re.findall(r"[^\W\d_]", SUPPRESSION.sub("", token.string))) < REASON_LETTERS:
            yield source.at(line, "a suppression says its reason on its line")


def nondescript_name(source: Source) -> Iterator[str]:
    path = PurePosixPath(source.path)
    if NONDESCRIPT_NAMES & {path.stem, path.parent.name}:
        yield source.at(1, "named after no noun")


def too_many_suppressions(sources: list[Source]) -> Iterator[str]:
    """The faults of a whole tree, since the limit is a rate."""
    lines = sum(source.lines for source in sources)
    found = [
        source.at(token.start[0], suppression.group())
        for source in sources
        for token in source.suppressions
        for suppression in SUPPRESSION.finditer(token.string)
    ]
    if found and len(found) * 1000 >= SUPPRESSIONS_PER_1000_LINES * lines:
        yield f"{len(found)} suppressions in {lines} lines, not under {SUPPRESSIONS_PER_1000_LINES} in 1,000:"
        yield from found
