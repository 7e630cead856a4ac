"""Finds sentences that break the rules of English in docs/house.md.

Python files are searched in their comments, docstrings and messages only; pages without their code.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

# Each phrase, and what to write instead.
BANNED = {
    r"(?:is|are) no": '"is not a ..." or "are not ..."',
    r"(?:is|are) none": '"there is not any", or "is `None`"',
    r"for one(?=\s*(?:[,.;:!?)]|\Z))": '"such as"',
    r"so many": "the number",
    r"at the most": '"at most"',
    r"anew": '"again"',
    r"in (?:its |the )?place of|in its place": '"instead of"',
}
# Two words of a phrase may stand on two lines, but not in two paragraphs.
SPACE = r"(?:[^\S\n]+|[^\S\n]*\n[^\S\n]*)"
PHRASES = [
    (re.compile(rf"\b(?:{phrase.replace(' ', SPACE)})(?!\w)", re.IGNORECASE), advice)
    for phrase, advice in BANNED.items()
]
NOUN_CLAUSE = re.compile(r"(?:What|Who|Where|Those)\b")
LEAST_IFS_PER_1000_WORDS = 3

# Parts of a page that are not its sentences: blocks of code, code within a sentence, addresses of links, comments.
NO_PROSE = re.compile(
    r"""
      ^[ ]*(?P<fence>```+|~~~+).*?^[ ]*(?P=fence)[ ]*$
    | (?P<tick>`+)(?!`).+?(?<!`)(?P=tick)(?!`)
    | \]\([^)\s]+\)
    | <!--.*?-->
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)

Kind = Literal["comment", "docstring", "message", "page"]


@dataclass(frozen=True)
class Passage:
    """Sentences that stand together. `line` is the number of the first line."""

    path: str
    line: int
    kind: Kind
    text: str

    def at(self, offset: int, fault: str) -> str:
        line = self.line + self.text.count("\n", 0, offset)
        return f"{self.path}:{line}: {fault}"


def passages(path: str, text: str) -> Iterator[Passage]:
    """Yields the sentences of a file. A file that is neither Python nor Markdown is one passage."""
    suffix = PurePosixPath(path).suffix
    if suffix in {".py", ".pyi"}:
        yield from comments(path, text)
        yield from strings(path, text)
    else:
        yield Passage(path, 1, "page", without_code(text) if suffix == ".md" else text)


def comments(path: str, text: str) -> Iterator[Passage]:
    """Yields the comments. Lines of comments that follow each other are one passage."""
    block: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            is_continued = block and token.start[0] == block[-1].start[0] + 1 and has_a_line_of_its_own(token)
            if block and not (is_continued and has_a_line_of_its_own(block[-1])):
                yield comment(path, block)
                block = []
            block.append(token)
    if block:
        yield comment(path, block)


def has_a_line_of_its_own(comment: tokenize.TokenInfo) -> bool:
    return comment.line.lstrip().startswith("#")


def comment(path: str, block: list[tokenize.TokenInfo]) -> Passage:
    lines = (token.string.lstrip("#: ").rstrip() for token in block)
    return Passage(path, block[0].start[0], "comment", without_code("\n".join(lines)))


def strings(path: str, text: str) -> Iterator[Passage]:
    """Yields the docstrings, and the other strings of more than one word."""
    tree = ast.parse(text, path)
    docstrings = {id(node) for node in docstring_nodes(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_docstring = id(node) in docstrings
            if is_docstring or " " in node.value:
                yield Passage(path, node.lineno, "docstring" if is_docstring else "message", without_code(node.value))


def docstring_nodes(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        match node:
            case (
                ast.Module(body=[ast.Expr(value=ast.Constant(value=str()) as docstring), *_])
                | ast.ClassDef(body=[ast.Expr(value=ast.Constant(value=str()) as docstring), *_])
                | ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str()) as docstring), *_])
                | ast.AsyncFunctionDef(body=[ast.Expr(value=ast.Constant(value=str()) as docstring), *_])
            ):
                yield docstring
            case _:
                pass


def without_code(text: str) -> str:
    """Replaces what is not a sentence by underlines. Each line stays at its place."""
    return NO_PROSE.sub(lambda part: re.sub(r"[^\n]", "_", part[0]), text)


def banned_phrases(passage: Passage) -> Iterator[str]:
    """Yields the banned phrases, also if a phrase is continued on the next line."""
    for phrase, advice in PHRASES:
        for found in phrase.finditer(passage.text):
            yield passage.at(found.start(), f'"{" ".join(found[0].split())}": write {advice} instead')


def noun_clauses(passage: Passage) -> Iterator[str]:
    """Yields the first word of a docstring that begins with a noun clause."""
    begin = NOUN_CLAUSE.match(passage.text.lstrip()) if passage.kind == "docstring" else None
    if begin is not None:
        yield passage.at(0, f'a docstring that begins with "{begin[0]}": begin with a verb in the third person')


def faults(path: str, text: str) -> Iterator[str]:
    """Yields all faults of a file."""
    for passage in passages(path, text):
        yield from banned_phrases(passage)
        yield from noun_clauses(passage)


def ifs_per_1000_words(passages: Iterable[Passage]) -> float:
    """Returns how often docstrings and comments contain "if", in 1,000 of their words."""
    words = [
        word.lower()
        for passage in passages
        if passage.kind in {"docstring", "comment"}
        for word in re.findall(r"[^\W\d_]+", passage.text)
    ]
    return 1000 * words.count("if") / max(1, len(words))
