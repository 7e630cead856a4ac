"""Checks that a returned value has a class of its annotation, or is a logged 500 that says what to write."""

import json
import logging
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, cast
from uuid import UUID

import httpx
import msgspec
import pytest
from msgspec import Meta, Struct
from msgspec.json import Encoder
from starlette import responses
from typing_extensions import TypeAliasType, TypeVar

from jero import BytesResponse, Created, Endpoint, JSONResponse, NDJSONStreamingResponse, NoContent, TextResponse
from jero.testing import TestClient
from tests.application import Application

T = TypeVar("T")


class Movie(Struct):
    title: str


class Sequel(Movie):
    part: int


class Page(Struct, Generic[T]):
    items: list[T]


class Award(TypedDict):
    year: int


class Point(NamedTuple):
    x: int
    y: int


class Genre(StrEnum):
    DRAMA = "drama"


class PaymentResponse(Struct):
    cents: int


@dataclass
class Actor:
    name: str


MovieId = NewType("MovieId", int)
Movies = TypeAliasType("Movies", list[Movie])
MOVIE, ACTOR = Movie("a"), Actor("a")


def returned(annotation: Any, value: Any, **options: Any) -> httpx.Response:
    async def get(self: object) -> Any:
        return value

    get.__annotations__["return"] = annotation
    endpoint: Any = type("MoviesEndpoint", (Endpoint,), {"get": get, **options}, path="/")
    with TestClient(Application(endpoint())) as client:
        return client.get("/")


ALLOWED: list[tuple[Any, Any]] = [
    (Movie, MOVIE),
    (Movie, Sequel("a", 2)),
    (Movie | None, None),
    (Optional[Movie], MOVIE),  # noqa: UP045 - as many write it
    (Movie | int, 3),
    (Annotated[Movie, Meta(description="one")], MOVIE),
    (Annotated[Movie | None, Meta(description="one")], None),
    (MovieId, 3),
    (Movies, [MOVIE]),
    (Movies | None, [MOVIE]),
    (Page[Movie], Page([MOVIE])),
    (Award, {"year": 1}),
    (Actor, ACTOR),
    (Point, Point(1, 2)),
    (list[Movie], [MOVIE, Sequel("a", 2)]),
    (list[Movie], []),
    (list[Movie | None], [None]),
    (list[list[int]], [[1]]),
    (list, [1]),
    (list[Any], [1]),
    (Sequence[int], (1,)),
    (Sequence[str], ["a"]),
    (Collection[int], {1}),
    (Mapping[str, int], {"a": 1}),
    (tuple[Movie, int], (MOVIE, 201)),
    (tuple[int, ...], (1, 2)),
    (dict[str, Movie], {"a": MOVIE}),
    (set[int], {1}),
    (float, 1),
    (float, 1.5),
    (int, True),
    (Literal["a", 1], 1),
    (Genre, Genre.DRAMA),
    (date, date(2026, 1, 1)),
    (datetime, datetime(2026, 1, 1, tzinfo=UTC)),
    (Decimal, Decimal(1)),
    (UUID, UUID(int=1)),
    (str, Genre.DRAMA),
    (bytes, b"a"),
    (str | Movie, "a"),
    (str | Movie, MOVIE),
    (Any, None),
    (Any, "a"),
    (T, 1),
    (JSONResponse[Movie], Created(content=MOVIE)),
    (JSONResponse[Movie | None], JSONResponse(content=None)),
    (JSONResponse[Movie] | JSONResponse[Actor], JSONResponse(content=ACTOR)),
    (JSONResponse, JSONResponse(content=None)),
    (Movie | NoContent, NoContent()),
]


def label(part: object) -> str:
    """Returns a short name of a case that is the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(part))[:40]


@pytest.mark.parametrize(("annotation", "value"), ALLOWED, ids=label)
@pytest.mark.parametrize("validate_items", [False, True])
def test_a_value_of_a_declared_class_is_sent(annotation: Any, value: Any, *, validate_items: bool) -> None:
    assert returned(annotation, value, validate_items=validate_items and value is not True).status_code < 300


FORGOTTEN = "Write return before the value"
REFUSED: list[tuple[Any, Any, str]] = [
    (Movie, None, FORGOTTEN),
    (list[Movie], None, FORGOTTEN),
    (str, None, FORGOTTEN),
    (bytes, None, FORGOTTEN),
    (Literal["a"], None, FORGOTTEN),
    (Award, None, FORGOTTEN),
    (Movie | int, None, "or annotate it with Movie | int | None to send null"),
    (Movie | NoContent, None, "return NoContent()"),
    (list[Movie], [1, 2], "Its first item is of type int"),
    (list[Movie], [{"title": "a"}], "Its first item is of type dict"),
    (list[Movie], [None], "Its first item is of type NoneType"),
    (list[list[int]], [["a"]], "Its first item is of type list"),
    (Movies, [1], "Its first item is of type int"),
    (Annotated[list[Movie], Meta(max_length=3)], [1], "Its first item is of type int"),
    (Movie, (MOVIE, 201), "return JSONResponse(content=..., status_code=201)"),
    (str, ("a", 201), "return TextResponse(content=..., status_code=201) and annotate it with TextResponse."),
    (bytes, (b"a", 201), "return BytesResponse(content=..., status_code=201) and annotate it with BytesResponse."),
    (Movie, (None, 204), "Return NoContent() and annotate it with NoContent."),
    (Movie, (None, 304), "Return NoContent(status_code=304) and annotate it with NoContent."),
    (JSONResponse[Movie], (MOVIE, 201), "return JSONResponse(content=..., status_code=201)."),
    (Created[Movie], (MOVIE, 200), "return Created(content=..., status_code=200)."),
    (Movie, (MOVIE, "a"), "Its first item is of type Movie"),
    (list[Movie], (MOVIE,), "Its first item is of type Movie"),
    (Movie, {"title": "a"}, "Return Movie(...), or annotate it with dict[str, Any]"),
    (Movie, [MOVIE], "Its first item is of type Movie"),
    (Movie, ACTOR, "Return what the annotation says"),
    (str, {"title": "a"}, "Return what the annotation says, or correct the annotation"),
    (Movie, PaymentResponse(3), "Return what the annotation says, or correct the annotation"),
    (Movie, responses.JSONResponse({}), "Import JSONResponse from jero"),
    (Movie, responses.HTMLResponse("a"), "Return TextResponse, imported from jero"),
    (Movie, responses.RedirectResponse("/a"), "Return Redirect, imported from jero"),
    (Movie, responses.FileResponse(__file__), "Return StreamingResponse, imported from jero"),
    (Movie, responses.Response("a"), "Return JSONResponse or TextResponse, imported from jero"),
    (Actor, {"name": "a"}, "Return Actor(...), or annotate it with dict[str, Any]"),
    (Sequel, MOVIE, "Return what the annotation says"),
    (Page[Movie], MOVIE, "Return what the annotation says"),
    (Award, [("year", 1)], "Its first item is of type tuple"),
    (Sequence[str], "abc", "Return what the annotation says"),
    (str, b"a", "Return what the annotation says"),
    (str, 1, "Return what the annotation says"),
    (bytes, "a", "Return what the annotation says"),
    (int, "1", "Return what the annotation says"),
    (int, 1.5, "Return what the annotation says"),
    (MovieId, "1", "Return what the annotation says"),
    (Movie | None, 0, "Return what the annotation says"),
    (Movie, JSONResponse(content=MOVIE), "add JSONResponse to the annotation"),
    (Any, JSONResponse(content=MOVIE), "add JSONResponse to the annotation"),
    (JSONResponse[Movie], JSONResponse(content=None), FORGOTTEN),
    (JSONResponse[list[Movie]], Created(content=[1]), "Its first item is of type int"),
    (JSONResponse[Movie] | NoContent, JSONResponse(content=ACTOR), "Return what the annotation says"),
    (AsyncIterator[Movie], None, FORGOTTEN),
    (AsyncIterator[Movie], MOVIE, "Return what the annotation says"),
    (AsyncIterator[str], "abc", "Return what the annotation says"),
    (NDJSONStreamingResponse[Movie], [MOVIE], "Its first item is of type Movie"),
    (Movie, iter([MOVIE]), "Annotate a stream with AsyncIterator[Item] or Iterator[Item]"),
]


@pytest.mark.parametrize(("annotation", "value", "advice"), REFUSED, ids=label)
def test_a_value_of_another_class_is_a_logged_500(
    annotation: Any, value: Any, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = returned(annotation, value)
    assert (response.status_code, response.json()["type"]) == (500, "internal-server-error")
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.ERROR, "jero.requests")
    assert record.exc_info is not None
    message = str(record.exc_info[1])
    found = "None" if value is None else type(value).__name__
    assert message.startswith(f"MoviesEndpoint.get returned {found}")
    assert "; its return annotation says " in message
    assert advice in message


@pytest.mark.parametrize(
    ("annotation", "value", "can_be_null"),
    [
        (Movie, None, True),
        (list[Movie], None, True),
        (Movie | str, None, True),
        (Movie | TextResponse, None, True),
        (JSONResponse[Movie], JSONResponse[Any](content=None), True),
        (Created[list[Movie]], Created[Any](content=None), True),
        (str, None, False),
        (bytes, None, False),
        (str | bytes, None, False),
        (JSONResponse[Movie], None, False),
        (JSONResponse[Movie] | TextResponse, JSONResponse[Any](content=None), False),
    ],
    ids=label,
)
def test_an_annotation_that_is_recommended_for_null_sends_null(
    annotation: Any, value: Any, caplog: pytest.LogCaptureFixture, *, can_be_null: bool
) -> None:
    assert returned(annotation, value).status_code == 500
    found = re.search(r"or annotate it with (.+) to send null\.", caplog.text)
    assert (found is not None) == can_be_null
    if found is not None:
        response = returned(eval(found[1]), value)
        assert (response.status_code // 100, response.json()) == (2, None)


def test_a_forgotten_await_is_named(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> None:
    async def find_movie() -> Movie:
        raise NotImplementedError

    class MoviesEndpoint(Endpoint, path="/"):
        async def get(self) -> Movie:
            return cast("Movie", find_movie())

    with TestClient(Application(MoviesEndpoint())) as client:
        assert client.get("/").status_code == 500
    assert "MoviesEndpoint.get returned coroutine" in caplog.text
    assert "find_movie did not run: write await before " in caplog.text
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]


class Rated(Struct):
    stars: Annotated[int, Meta(le=5)]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Rated, Rated(6)),
        (list[Rated], [Rated(1), Rated(6)]),
        (list[Movie], [MOVIE, 1]),
        (dict[str, Rated], {"a": Rated(6)}),
        (JSONResponse[list[Rated]], JSONResponse(content=[Rated(1), Rated(6)])),
        (Annotated[str, Meta(min_length=2)], "a"),
        (Literal["a", "b"], "c"),
        (str | list[Rated], [Rated(6)]),
    ],
    ids=label,
)
def test_validate_items_checks_values_deeply(annotation: Any, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert returned(annotation, value).status_code < 300
    assert returned(annotation, value, validate_items=True).status_code == 500
    [record] = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], msgspec.ValidationError)
    assert "validate_items: MoviesEndpoint.get returned " in record.exc_info[1].__notes__[0]


def test_validate_items_of_the_application_and_the_endpoint() -> None:
    def status(*, of_app: bool, of_endpoint: bool | None) -> int:
        class RatedEndpoint(Endpoint, path="/"):
            validate_items = of_endpoint

            async def get(self) -> Rated:
                return Rated(6)

        with TestClient(Application(RatedEndpoint(), validate_items=of_app)) as client:
            return client.get("/").status_code

    assert status(of_app=True, of_endpoint=None) == 500
    assert status(of_app=True, of_endpoint=False) == 200
    assert status(of_app=False, of_endpoint=True) == 500
    assert status(of_app=False, of_endpoint=None) == 200


def test_the_output_of_a_hook_is_not_read_back() -> None:
    class Foreign:
        pass

    class ForeignEndpoint(Endpoint, path="/"):
        async def get(self) -> Any:
            return Foreign()

    ForeignEndpoint.get.__annotations__["return"] = Foreign | None
    encoder = Encoder(enc_hook=lambda value: type(value).__name__)
    with TestClient(Application(ForeignEndpoint(), encoder=encoder, validate_items=True)) as client:
        assert json.loads(client.get("/").text) == "Foreign"


@pytest.mark.parametrize("content", [None, 5, b"a"])
def test_the_content_of_a_text_response_is_text(content: Any) -> None:
    with pytest.raises(TypeError, match=r"TextResponse\(content=.*\): it is not a str\. "):
        TextResponse(content=content)


@pytest.mark.parametrize("content", [None, 5, "a", [1]])
def test_the_content_of_a_bytes_response_is_bytes(content: Any) -> None:
    with pytest.raises(TypeError, match=r"BytesResponse\(content=.*\): it is not bytes\. "):
        BytesResponse(content=content)
