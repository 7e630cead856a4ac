"""Keeps the English of code and pages plain, and tests the functions that find the faults."""

from pathlib import Path

import pytest

from tests.house.distribution import files
from tests.house.english import LEAST_IFS_PER_1000_WORDS, faults, ifs_per_1000_words, passages

ROOT = Path(__file__).parents[2]
SEARCHED = ("README.md", "CHANGELOG.md", "jero", "demo_app", "docs", "tests", "tools", "benchmarks")
SUFFIXES = {".css", ".html", ".js", ".lua", ".md", ".py", ".pyi"}
# They contain the banned phrases, to search for them.
EXCEPTIONS = {"tests/house/english.py", "tests/house/test_english.py"}


def read(*searched: str) -> dict[str, str]:
    """Returns the text of each file in the given files and folders, by its path."""
    paths = [path for path in files(ROOT) if path.suffix in SUFFIXES]
    names = {path.relative_to(ROOT).as_posix(): path for path in paths}
    return {
        name: path.read_text("utf-8")
        for name, path in sorted(names.items())
        if name.partition("/")[0] in searched and name not in EXCEPTIONS
    }


def test_code_and_pages_are_plain_english() -> None:
    texts = read(*SEARCHED)
    assert {"README.md", "CHANGELOG.md", "docs/house.md", "jero/app.py", "tests/conftest.py"} <= set(texts)
    found = [fault for name, text in texts.items() for fault in faults(name, text)]
    assert not found, "See the rules of English in docs/house.md:\n" + "\n".join(found)


def test_conditions_in_the_package_begin_with_if() -> None:
    rate = ifs_per_1000_words(passage for name, text in read("jero").items() for passage in passages(name, text))
    assert rate >= LEAST_IFS_PER_1000_WORDS, f'"if" {rate:.1f} times in 1,000 words. Write conditions with "if".'


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("# It is no number.\n", 1),
        ("# There are no items.\n", 1),
        ("# It is not a number.\n", 0),
        ("# This node\n", 0),
        ("# It is none of them; there are none.\n", 2),
        ("# It is `None`.\n", 0),
        ("x = y is None\n", 0),
        ("for one in many:\n    pass\n", 0),
        ("# The limit for one stream, or for one of them.\n", 0),
        ("# Some programs, curl for one, wait.\n", 1),
        ("# Some programs wait, as curl (for one).\n", 1),
        ("# Some programs wait, curl for one\n", 1),
        ("# So many turns, at the most, begun anew.\n", 3),
        ("# Renewed.\n", 0),
        ("# In place of it, in its place of work, in its place.\n", 3),
        ("# It is\n# no number.\n", 1),
        ("x = 1  # It is\ny = 2  # no number.\n", 0),
        ("# It is\n\n# no number.\n", 0),
        ('raise ValueError("It is no number.")\n', 1),
        ('raise ValueError("It is "\n    "no number.")\n', 1),
        ('raise ValueError(f"{x} is no number.")\n', 1),
        ('x = "anew"\n', 0),
        ('def f():\n    """Returns what is no\n    number."""\n', 1),
        ('def f():\n    """Returns `what is no number`."""\n', 0),
        ('"""What there is."""\n', 1),
        ('class C:\n    """Those that wait."""\n', 1),
        ('async def f():\n    """\n    Where it is.\n    """\n', 1),
        ('def f():\n    """Whoever."""\n', 0),
        ('x = "What there is."\n', 0),
        ("# Who waits\n", 0),
    ],
)
def test_a_fault_in_python_is_found(text: str, count: int) -> None:
    assert len(list(faults("jero/movie.py", text))) == count


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("docs/a.md", "It is no\nnumber.\n", 1),
        ("docs/a.md", "It is `no number`.\n", 0),
        ("docs/a.md", "```python\nis no number\n```\n\nIt is no number.\n", 1),
        ("docs/a.md", "It is\n\nno number.\n", 0),
        ("docs/a.md", "[a page](in-place-of.md) <!-- is no -->\n", 0),
        ("docs/a.md", "What is there?\n", 0),
        ("jero/channels/publish.lua", "-- It is no number.\n", 1),
    ],
)
def test_a_fault_in_a_page_is_found(path: str, text: str, count: int) -> None:
    assert len(list(faults(path, text))) == count


def test_a_fault_has_its_place_and_an_advice() -> None:
    text = 'x = 1\n\n\ndef f():\n    """Returns\n\n    what is   no number."""\n'
    assert list(faults("a.py", text)) == ['a.py:7: "is no": write "is not a ..." or "are not ..." instead']


def test_the_rate_counts_docstrings_and_comments_only() -> None:
    text = '"""Returns it if asked."""\n# If not, nothing.\nif x:\n    y = "if only if"\n'
    assert ifs_per_1000_words(passages("a.py", text)) == pytest.approx(1000 * 2 / 7)
    assert ifs_per_1000_words([]) == 0
