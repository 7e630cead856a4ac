"""Aliases of types: `type X = ...` (PEP 695, since Python 3.12) may stand for any annotation."""

import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypeVar

import pytest
from msgspec import Struct
from typing_extensions import TypeAliasType

from jero import JSONResponse, WiringError
from jero.annotations import expanded
from tests.contract.declared import NAMES, Movie, Page, read

T = TypeVar("T")
Movies = TypeAliasType("Movies", list[Movie])
Pages = TypeAliasType("Pages", dict[str, T], type_params=(T,))
Stream = TypeAliasType("Stream", AsyncIterator[T], type_params=(T,))
Many = TypeAliasType("Many", Movies | None)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Movie, Movie),
        (Movies, list[Movie]),
        (list[Movies], list[list[Movie]]),
        (Many, list[Movie] | None),
        (Movies | None, list[Movie] | None),
        (Pages[int], dict[str, int]),
        (Pages[Movies], dict[str, list[Movie]]),
        (Stream[Movies], AsyncIterator[list[Movie]]),
        (JSONResponse[Movies, Page], JSONResponse[list[Movie], Page]),
        (Annotated[Movies, "a"], Annotated[list[Movie], "a"]),
        (Annotated[Movie, "a"], Annotated[Movie, "a"]),
    ],
    ids=str,
)
def test_aliases_are_expanded(annotation: Any, expected: Any) -> None:
    assert expanded(annotation) == expected


STATEMENTS = """
type Movies = list[Movie]
type PageAlias = Page
type Stream[T] = AsyncIterator[T]
type Answer = JSONResponse[Movie] | NoContent
type Tree = dict[str, Tree] | int
type Body = Movies | None
class MoviesOf(Struct):
    movies: Movies
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement is new in Python 3.12")
@pytest.mark.parametrize(
    ("signature", "plain"),
    [
        ("get(self) -> Movies", "get(self) -> list[Movie]"),
        ("get(self) -> 'Movies'", "get(self) -> list[Movie]"),
        ("get(self) -> Answer", "get(self) -> JSONResponse[Movie] | NoContent"),
        ("get(self) -> Stream[Movie]", "get(self) -> AsyncIterator[Movie]"),
        ("get(self) -> Stream[Movies]", "get(self) -> AsyncIterator[list[Movie]]"),
        ("get(self) -> Stream[Movie]: yield", "get(self) -> AsyncIterator[Movie]: yield"),
        ("get(self, params: PageAlias) -> Movie", "get(self, params: Page) -> Movie"),
        ("post(self, json: Body) -> Movie", "post(self, json: list[Movie] | None) -> Movie"),
        ("post(self, items: Stream[Movie]) -> Movie", "post(self, items: AsyncIterator[Movie]) -> Movie"),
        ("post(self, content: Stream[bytes]) -> Movie", "post(self, content: AsyncIterator[bytes]) -> Movie"),
    ],
)
def test_a_type_statement_is_read_as_its_value(monkeypatch: pytest.MonkeyPatch, signature: str, plain: str) -> None:
    define(monkeypatch)
    found, expected = read(f"async def {signature}"), read(f"async def {plain}")
    assert (found.inputs, found.outputs) == (expected.inputs, expected.outputs)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement is new in Python 3.12")
@pytest.mark.parametrize("signature", ["async def get(self) -> Tree", "async def post(self, json: Tree) -> Movie"])
def test_an_alias_that_contains_itself_is_refused(monkeypatch: pytest.MonkeyPatch, signature: str) -> None:
    define(monkeypatch)
    with pytest.raises(WiringError, match="is an alias that contains itself, which msgspec cannot use"):
        read(signature)


def define(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds the aliases to the names that handlers may use."""
    defined: dict[str, Any] = {**NAMES, "Struct": Struct, "Page": Page}
    exec(STATEMENTS, defined)
    for name in ("Movies", "PageAlias", "Stream", "Answer", "Tree", "Body", "MoviesOf"):
        monkeypatch.setitem(NAMES, name, defined[name])
