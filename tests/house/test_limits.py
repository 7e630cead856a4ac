"""Keeps every file within the limits of the house, and tests the functions that find the faults."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import limits
from tests.house.limits import Source

ROOT = Path(__file__).parents[2]
TREES = ["jero", "demo_app", "tests", "docs/examples", "benchmarks", "tools"]
LIMITS = [
    limits.long_file,
    limits.long_functions,
    limits.type_checking_blocks,
    limits.hidden_imports,
    limits.imports_by_name,
    limits.unexplained_suppressions,
    limits.nondescript_name,
]

Limit = Callable[[Source], Iterator[str]]


def read(*trees: str) -> list[Source]:
    paths = [path for tree in trees for path in sorted((ROOT / tree).rglob("*.py"))]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths]


PACKAGE = read("jero")
SOURCES = [*read(*TREES), Source("noxfile.py", (ROOT / "noxfile.py").read_text("utf-8"))]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.__name__)
def test_every_file_keeps_the_limit(limit: Limit) -> None:
    assert PACKAGE
    faults = [fault for source in SOURCES for fault in limit(source)]
    assert not faults, "\n".join(faults)


def test_every_lazy_import_is_needed() -> None:
    lazy = {(source.path, module) for source in PACKAGE for _, module in limits.lazy_imports(source)}
    assert lazy >= limits.LAZY_IMPORTS, "LAZY_IMPORTS lists imports that have gone. Remove them from the list."


@pytest.mark.parametrize("sources", [PACKAGE, SOURCES], ids=["jero", "everything"])
def test_suppressions_are_rare(sources: list[Source]) -> None:
    faults = list(limits.too_many_suppressions(sources))
    assert not faults, "\n".join(faults)


def function(lines: int, comment: str = "") -> str:
    return f"async def f():{comment}\n" + "    pass\n" * (lines - 1)


EXCUSE = "  # noqa: HOU001 - a table of cases reads better whole"


@pytest.mark.parametrize(
    ("limit", "text", "count"),
    [
        (limits.long_file, "x = 1\n" * 450, 0),
        (limits.long_file, "x = 1\n" * 451, 1),
        (limits.long_file, "# Over 450 lines: it is one table\n" + "x = 1\n" * 450, 0),
        (limits.long_file, "# Over 450 lines: so\n" + "x = 1\n" * 450, 1),
        (limits.long_functions, function(40), 0),
        (limits.long_functions, function(41), 1),
        (limits.long_functions, function(41, EXCUSE), 0),
        (limits.long_functions, function(40, EXCUSE), 1),
        (limits.long_functions, function(41, "  # noqa: C901 - a table of cases reads better whole"), 1),
        (limits.long_functions, f"async def f(\n    x: int,{EXCUSE}\n):\n" + "    pass\n" * 40, 0),
        (limits.type_checking_blocks, "from typing import Any\n", 0),
        (limits.type_checking_blocks, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\n", 2),
        (limits.type_checking_blocks, "import typing\nif typing.TYPE_CHECKING:\n    pass\n", 1),
        (limits.hidden_imports, "import json\n", 0),
        (limits.hidden_imports, "def f():\n    import httpx\n    from redis.asyncio import Redis\n", 0),
        (limits.hidden_imports, "def f():\n    from jero.channels.redis import RedisStore\n", 1),
        (limits.hidden_imports, "def f():\n    import json\n", 1),
        (limits.hidden_imports, "async def f():\n    def g():\n        from . import errors\n", 1),
        (limits.hidden_imports, "class C:\n    def f(self):\n        from jero.redis import x\n", 1),
        (limits.imports_by_name, "from importlib import import_module\nimport_module(name)\n", 0),
        (limits.imports_by_name, "import importlib\nimportlib.import_module('sseclient')\n", 0),
        (limits.imports_by_name, "import importlib\nimportlib.import_module('jero.redis')\n", 1),
        (limits.imports_by_name, "def f():\n    import_module('jero.openapi.serve')\n", 1),
        (limits.imports_by_name, "__import__('jero')\n", 1),
        (limits.unexplained_suppressions, "x = 'a string may contain # noqa'\n", 0),
        (limits.unexplained_suppressions, "import x  # noqa: F401 - imported for what it registers\n", 0),
        (limits.unexplained_suppressions, "x = f()  # type: ignore[misc]  # the stub forgets the overload\n", 0),
        (limits.unexplained_suppressions, "x = f()  # pyright: ignore[reportX] - the stub forgets it\n", 0),
        (limits.unexplained_suppressions, "import x  # noqa: F401\n", 1),
        (limits.unexplained_suppressions, "import x  # NOQA:F401,E501\n", 1),
        (limits.unexplained_suppressions, "x = f()  # type: ignore[misc, attr-defined]\n", 1),
        (limits.unexplained_suppressions, "x = f()  # type: ignore[misc]  # pyright: ignore[reportCallIssue]\n", 1),
        (limits.unexplained_suppressions, "# mypy: ignore-errors because it is a long story\n", 1),
        (limits.unexplained_suppressions, "# pyright: basic, because it is a long story\n", 1),
        (limits.unexplained_suppressions, "# ruff: noqa: F401 because it is a long story\n", 1),
        (limits.unexplained_suppressions, "# fmt: off, because it is a long story\nx = 1\n", 1),
        (limits.unexplained_suppressions, "# type: ignore[misc] because it is a long story\nx = 1\n", 1),
        (limits.unexplained_suppressions, "def f():  # noqa: C901 - it is a long story\n    pass\n", 0),
        (limits.unexplained_suppressions, "def f():  # noqa: HOU001 - it is a long story\n    pass\n", 0),
        (limits.unexplained_suppressions, "def f():  # noqa: C901\n    pass\n", 1),
    ],
)
def test_a_limit_finds_its_faults_only(limit: Limit, text: str, count: int) -> None:
    assert len(list(limit(Source("jero/movie.py", text)))) == count


@pytest.mark.parametrize(("path", "module"), sorted(limits.LAZY_IMPORTS))
def test_a_lazy_import_is_allowed_in_its_file_only(path: str, module: str) -> None:
    text = f"def f():\n    from {module} import x\n"
    assert not list(limits.hidden_imports(Source(path, text)))
    assert len(list(limits.hidden_imports(Source("jero/movie.py", text)))) == 1


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("jero/channels/base.py", 1),
        ("jero/utils.py", 1),
        ("jero/http/helpers.py", 1),
        ("jero/core/__init__.py", 1),
        ("tests/common.py", 1),
        ("jero/streaming/state.py", 0),
    ],
)
def test_a_file_has_a_name_that_says_something(path: str, count: int) -> None:
    assert len(list(limits.nondescript_name(Source(path, "")))) == count


@pytest.mark.parametrize(("suppressions", "faults"), [(2, 0), (3, 4)])
def test_the_rate_of_suppressions(suppressions: int, faults: int) -> None:
    text = "x = 1  # noqa: E501 - the reason\n" * suppressions + "x = 1\n" * (1000 - suppressions)
    assert len(list(limits.too_many_suppressions([Source("jero/movie.py", text)]))) == faults
