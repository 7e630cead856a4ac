"""Finds what is over a limit of the house. Each function yields the faults of one source.

A limit has exceptions, each with its reason:

- `def f():  # noqa: C901 - the reason`: a function that is too complex; PLR0913 and PLR0911 likewise.
- `def f():  # noqa: HOU001 - the reason`: a function of more than 40 lines.
- `# Over 450 lines: the reason`, a line of its own at the top of a file that is longer.
- `LAZY_IMPORTS` below: an import inside a function.
"""

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
LONG_FUNCTION = "HOU001"
LONG_FILE = re.compile(r"^# Over 450 lines: (?P<reason>.+)$", re.MULTILINE)
# The modules that extras install. An import of these may wait until a function needs it.
EXTRAS = {"httpx", "jwt", "python_multipart", "redis", "uvicorn"}
# Which file imports which module of jero inside a function: the module needs an extra, or an import of jero is faster
# without it.
LAZY_IMPORTS = {
    ("jero/binding/binder.py", "jero.binding.form"),
    ("jero/channels/__init__.py", "jero.channels.redis"),
    ("jero/runs/runs.py", "jero.channels.redis"),
    ("jero/runs/runs.py", "jero.runs.redis"),
    ("jero/client/__init__.py", "jero.client.client"),
    ("jero/client/__init__.py", "jero.client.event_source"),
    ("jero/client/__init__.py", "jero.client.event_stream"),
    ("jero/client/__init__.py", "jero.client.readers"),
    ("jero/client/__init__.py", "jero.client.refused"),
    ("jero/openapi/info.py", "jero.openapi.serve"),
}
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
    """A Python file. `path` is relative to the top of the checkout."""

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
        """Returns the comments that silence a checker. A string that contains such a comment does not count."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [token for token in tokens if token.type == tokenize.COMMENT and SUPPRESSION.search(token.string)]

    def at(self, line: int, fault: str) -> str:
        return f"{self.path}:{line}: {fault}"


def long_file(source: Source) -> Iterator[str]:
    if source.lines <= FILE_LINES:
        return
    explained = LONG_FILE.search(source.text)
    if explained is None or not is_reason(explained["reason"]):
        yield source.at(source.lines, f"{source.lines} lines. Split it, or give a reason: # Over 450 lines: ...")


def long_functions(source: Source) -> Iterator[str]:
    excused = {token.start[0] for token in source.suppressions if LONG_FUNCTION in token.string}
    for function in source.functions:
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        is_excused = not excused.isdisjoint(range(function.lineno, function.body[0].lineno))
        if lines > FUNCTION_LINES and not is_excused:
            yield source.at(function.lineno, f"{function.name} has {lines} lines, at most {FUNCTION_LINES}")
        if lines <= FUNCTION_LINES and is_excused:
            yield source.at(function.lineno, f"{function.name} has only {lines} lines: remove {LONG_FUNCTION}")


def is_reason(text: str) -> bool:
    return len(re.findall(r"[^\W\d_]", text)) >= REASON_LETTERS


def type_checking_blocks(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING") | ast.alias(name="TYPE_CHECKING"):
                yield source.at(node.lineno, "TYPE_CHECKING hides a circle: move what both sides need a floor down")
            case _:
                pass


def hidden_imports(source: Source) -> Iterator[str]:
    for line, module in sorted(lazy_imports(source)):
        if module.partition(".")[0] not in EXTRAS and (source.path, module) not in LAZY_IMPORTS:
            yield source.at(
                line, f"import of {module} inside a function. Move it to the top, or add it to LAZY_IMPORTS"
            )


def imports_by_name(source: Source) -> Iterator[str]:
    """Finds modules of jero that are imported by a call, which no type checker and no contract sees."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ) if module.partition(".")[0] == "jero":
                yield source.at(node.lineno, f"import of {module} by its name. Write an import statement")
            case _:
                pass


def lazy_imports(source: Source) -> set[tuple[int, str]]:
    """Returns the modules that functions import, each with its line."""
    return {
        (node.lineno, module)
        for function in source.functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in imported(node)
    }


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return ["." * node.level + (node.module or "")]


def unexplained_suppressions(source: Source) -> Iterator[str]:
    for token in source.suppressions:
        line = token.start[0]
        if token.line.lstrip().startswith("#"):
            yield source.at(line, "a suppression of a block or a file. Put it at the end of the line that it is for")
        if not is_reason(SUPPRESSION.sub("", token.string)):
            yield source.at(line, "a suppression without a reason. Give the reason on the same line")


def nondescript_name(source: Source) -> Iterator[str]:
    path = PurePosixPath(source.path)
    if NONDESCRIPT_NAMES & {path.stem, path.parent.name}:
        yield source.at(1, "a name that does not say what the file is about")


def too_many_suppressions(sources: list[Source]) -> Iterator[str]:
    """Yields the faults of a whole tree, since the limit is a rate."""
    lines = sum(source.lines for source in sources)
    found = [
        source.at(token.start[0], suppression.group())
        for source in sources
        for token in source.suppressions
        for suppression in SUPPRESSION.finditer(token.string)
    ]
    if found and len(found) * 1000 >= SUPPRESSIONS_PER_1000_LINES * lines:
        yield f"{len(found)} suppressions in {lines} lines, not less than {SUPPRESSIONS_PER_1000_LINES} in 1,000:"
        yield from found
