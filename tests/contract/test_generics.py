from typing import Any, Generic

import pytest
from msgspec import Struct
from typing_extensions import TypeVar

from jero.annotations import type_arguments
from jero.responses.response import H
from jero.responses.streaming import FramedResponse, NDJSONStreamingResponse, SSEResponse, StreamingResponse
from jero.responses.streaming import T as Item
from jero.responses.whole import Created, JSONResponse, NoContent
from tests.contract.declared import Movie, Page

T = TypeVar("T")
Other = TypeVar("Other")


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
def test_the_arguments_of_a_stream(annotation: Any, item: Any, headers: type[Struct] | None) -> None:
    arguments = type_arguments(annotation, FramedResponse)
    assert arguments.get(Item) == item
    assert arguments.get(H) in (headers, type(headers))


def test_the_items_of_an_event_stream_are_events_too() -> None:
    assert Movie in type_arguments(SSEResponse[Movie], FramedResponse)[Item].__args__


def test_what_is_no_stream() -> None:
    assert list(type_arguments(Created[Movie, Page], JSONResponse).values()) == [Movie, Page]
    assert type_arguments(NoContent, FramedResponse) == {}
