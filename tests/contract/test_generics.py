"""The type arguments that a subclass gives to a generic base, and type variables that are filled in."""

from typing import Any, Generic

import pytest
from msgspec import Struct
from typing_extensions import TypeVar

from jero.annotations import fill, is_open, type_arguments
from jero.responses.response import H
from jero.responses.streaming import FramedResponse, NDJSONStreamingResponse, SSEResponse, StreamingResponse
from jero.responses.streaming import T as Item
from jero.responses.whole import Created, JSONResponse, NoContent
from tests.contract.declared import Movie, Page

T = TypeVar("T")
Other = TypeVar("Other")
# The same as values, for type checkers.
OPEN: Any = T
OTHER: Any = Other


class Movies(NDJSONStreamingResponse[Movie, Page], frozen=True):
    pass


class MoreMovies(Movies, frozen=True):
    pass


class Rows(FramedResponse[list[T], None], Generic[T], frozen=True, kw_only=True):
    pass


class Swapped(FramedResponse[T, Other], Generic[Other, T], frozen=True, kw_only=True):
    pass


@pytest.mark.parametrize(
    ("annotation", "item", "headers"),
    [
        (NDJSONStreamingResponse[Movie, Page], Movie, Page),
        (NDJSONStreamingResponse[Movie], Movie, None),
        (NDJSONStreamingResponse, None, None),
        (StreamingResponse[Page], bytes, Page),
        (Movies, Movie, Page),
        (MoreMovies, Movie, Page),
        (Rows[int], list[int], None),
        (Rows, None, None),
        (Swapped[Page, Movie], Movie, Page),
    ],
    ids=str,
)
def test_the_arguments_of_a_stream_are_found(annotation: Any, item: Any, headers: type[Struct] | None) -> None:
    arguments = type_arguments(annotation, FramedResponse)
    assert arguments.get(Item) == item
    assert arguments.get(H) in (headers, type(headers))


def test_an_event_stream_has_events_among_its_items() -> None:
    assert Movie in type_arguments(SSEResponse[Movie], FramedResponse)[Item].__args__


def test_another_response_has_the_arguments_of_its_own_base_only() -> None:
    assert list(type_arguments(Created[Movie, Page], JSONResponse).values()) == [Movie, Page]
    assert type_arguments(NoContent, FramedResponse) == {}


@pytest.mark.parametrize(
    ("annotation", "filled"),
    [
        (OPEN, int),
        (list[OPEN], list[int]),
        (dict[OPEN, OTHER], dict[int, OTHER]),
        (OPEN | None, int | None),
        (list[OPEN] | None, list[int] | None),
        (Rows, Rows),
        (Movie, Movie),
        (list[int], list[int]),
    ],
    ids=str,
)
def test_known_variables_are_filled_and_others_stay(annotation: Any, filled: Any) -> None:
    assert fill(annotation, {T: int}) == filled


@pytest.mark.parametrize("annotation", [OPEN, list[OPEN], dict[int, OPEN], OPEN | None], ids=str)
def test_an_annotation_with_a_variable_is_open(annotation: Any) -> None:
    assert is_open(annotation)
    assert not is_open(fill(annotation, {T: int}))
