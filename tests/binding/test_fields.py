"""The parts of a request that consist of names and values: path, query, headers and cookies."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Generic

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType, field
from typing_extensions import TypeVar

from jero import ResumeHeaders
from jero.binding.fields import field_reader
from jero.errors import Fault, HTTPError, MalformedRequest, NotFound
from jero.http.asgi import HeaderPairs
from tests.application import http_scope

T = TypeVar("T")


class Genre(StrEnum):
    DRAMA = "drama"


class Slots(Struct):
    movie_id: int
    genre: Genre = Genre.DRAMA


class Query(Struct, kw_only=True):
    text: str = "nothing"
    page: Annotated[int, Meta(ge=1)] = 1
    ratio: float = 0.5
    exact: bool = False
    after: int | None = None
    since: datetime | None = None
    genre: Genre | None = None
    ids: list[int] = []
    tags: Annotated[list[str], Meta(description="Tags to look for")] = []
    words: set[str] | None = None
    window: tuple[int, int] | None = None
    unset: int | UnsetType = UNSET
    renamed: int = field(default=0, name="re-named")


class Required(Struct, rename="camel"):
    page_number: int


class Tagged(Struct, tag=True):
    page: int


class Known(Struct, forbid_unknown_fields=True):
    page: int = 1


class Listing(Struct, Generic[T]):
    items: list[T] = []


class Headers(Struct, kw_only=True):
    x_count: int | None = None
    accept: str | None = None
    exact: str | None = field(default=None, name="X-Exact_Name")
    forwarded: list[str] = []


class Session(Struct):
    session: str | None = None
    count: int = 0


def params(query: bytes, struct: type[Any] = Query) -> Any:
    return field_reader("params", struct)(http_scope(query=query), {})


def headers(pairs: HeaderPairs, struct: type[Any] = Headers) -> Any:
    return field_reader("headers", struct)(http_scope(headers=pairs), {})


def cookies(*lines: bytes) -> Any:
    return field_reader("cookies", Session)(http_scope(headers=[(b"cookie", line) for line in lines]), {})


def path(**slots: str) -> Any:
    return field_reader("path", Slots)(http_scope(), slots)


def refusal(refused: pytest.ExceptionInfo[HTTPError]) -> tuple[str | None, tuple[Fault, ...]]:
    return refused.value.detail, refused.value.errors


def test_the_slots_of_the_path_are_read() -> None:
    assert path(movie_id="3") == Slots(3)
    assert path(movie_id="-3", genre="drama") == Slots(-3, Genre.DRAMA)


@pytest.mark.parametrize("movie_id", ["x", "1.5", "", "1_0", " 1", "٣", "9" * 5_000, "1\0"])
def test_a_slot_of_another_type_is_not_found(movie_id: str) -> None:
    with pytest.raises(NotFound) as refused:
        path(movie_id=movie_id)
    assert refused.value.errors[0].loc == ("path", "movie_id")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", Query()),
        (b"text=a", Query(text="a")),
        (b"text=", Query(text="")),
        (b"text", Query(text="")),
        (b"text=a+b%20c%26d", Query(text="a b c&d")),
        (b"text=%C3%A9%F0%9F%8E%AC", Query(text="é🎬")),
        (b"text=a=b", Query(text="a=b")),
        (b"text=%00", Query(text="\0")),
        (b"text=%zz", Query(text="%zz")),
        (b"text=null", Query(text="null")),
        (b"%74ext=a", Query(text="a")),
        (b"text=a&text=b", Query(text="b")),
        (b"&&text=a&", Query(text="a")),
        (b"page=2&unknown=x", Query(page=2)),
        (b"ratio=2", Query(ratio=2.0)),
        (b"exact=true", Query(exact=True)),
        (b"exact=0", Query(exact=False)),
        (b"after=3", Query(after=3)),
        (b"since=2026-11-20T09:00:00Z", Query(since=datetime(2026, 11, 20, 9, tzinfo=UTC))),
        (b"genre=drama", Query(genre=Genre.DRAMA)),
        (b"ids=1", Query(ids=[1])),
        (b"ids=1&ids=2", Query(ids=[1, 2])),
        (b"tags=a", Query(tags=["a"])),
        (b"tags=&tags=", Query(tags=["", ""])),
        (b"words=a&words=b&words=a", Query(words={"a", "b"})),
        (b"window=1&window=2", Query(window=(1, 2))),
        (b"unset=1", Query(unset=1)),
        (b"re-named=1", Query(renamed=1)),
        (b"renamed=1", Query()),
    ],
)
def test_the_query_is_read(query: bytes, expected: Query) -> None:
    assert params(query) == expected


@pytest.mark.parametrize(
    ("query", "loc", "message"),
    [
        (b"page=x", ("params", "page"), "Expected `int`, got `str`"),
        (b"page=", ("params", "page"), "Expected `int`, got `str`"),
        (b"page=0", ("params", "page"), "Expected `int` >= 1"),
        (b"page=1&page=x", ("params", "page"), "Expected `int`, got `str`"),
        (b"exact=maybe", ("params", "exact"), "Expected `bool`, got `str`"),
        (b"genre=comedy", ("params", "genre"), "Invalid enum value 'comedy'"),
        (b"since=yesterday", ("params", "since"), "Invalid RFC3339 encoded datetime"),
        (b"ids=1&ids=x", ("params", "ids", 1), "Expected `int`, got `str`"),
        (b"window=1", ("params", "window"), "Expected `array` of length 2, got 1"),
        (b"re-named=x", ("params", "re-named"), "Expected `int`, got `str`"),
    ],
)
def test_a_query_of_another_shape_is_refused_with_its_path(
    query: bytes, loc: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(MalformedRequest) as refused:
        params(query)
    detail, errors = refusal(refused)
    assert errors == (Fault(loc=loc, msg=message),)
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    assert detail == f"{message} - at `${place}`"


def test_a_generic_struct_is_read() -> None:
    assert params(b"items=1&items=2", Listing[int]) == Listing([1, 2])
    with pytest.raises(MalformedRequest) as refused:
        params(b"items=1&items=x", Listing[int])
    assert refused.value.errors[0].loc == ("params", "items", 1)


def test_a_missing_parameter_is_refused_by_its_name() -> None:
    with pytest.raises(MalformedRequest) as refused:
        params(b"page_number=1", Required)
    assert refused.value.errors == (
        Fault(("params", "pageNumber"), "Object missing required field `pageNumber`", "missing"),
    )


@pytest.mark.parametrize("query", [b"text=%ff", b"%ff=1", b"text=%C3", b"text=%ED%A0%80", b"text=\xe9"])
def test_a_query_that_is_not_utf_8_is_refused(query: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"The query string is not percent-encoded UTF-8\."):
        params(query)


def test_unknown_names_are_ignored_unless_the_struct_forbids_them() -> None:
    assert params(b"page=2", Tagged) == Tagged(2)
    assert params(b"page=2", Known) == Known(2)
    with pytest.raises(MalformedRequest, match="unknown field `pgae`"):
        params(b"pgae=2", Known)


@given(query=st.binary(max_size=30))
def test_any_query_is_read_or_refused(query: bytes) -> None:
    try:
        read = params(query)
    except MalformedRequest as refusal:
        read = refusal.detail
    assert isinstance(read, Query | str)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], Headers()),
        ([(b"x-count", b"3")], Headers(x_count=3)),
        ([(b"x_count", b"3")], Headers()),
        ([(b"accept", b"\xe9")], Headers(accept="é")),
        ([(b"x-exact_name", b"e")], Headers(exact="e")),
        ([(b"exact", b"e")], Headers()),
        ([(b"forwarded", b"a"), (b"other", b"x"), (b"forwarded", b"b")], Headers(forwarded=["a", "b"])),
        ([(b"accept", b"")], Headers(accept="")),
        ([(b"accept", b" \t a b\t ")], Headers(accept="a b")),
        ([(b"x-count", b" 3 ")], Headers(x_count=3)),
        ([(b"forwarded", b" a "), (b"forwarded", b"b\t")], Headers(forwarded=["a", "b"])),
        ([(b"accept", b"\xa0a\x85")], Headers(accept="\xa0a\x85")),
        ([(b"accept", b"a"), (b"other", b"x"), (b"accept", b"b")], Headers(accept="a, b")),
    ],
)
def test_the_headers_are_read(pairs: HeaderPairs, expected: Headers) -> None:
    assert headers(pairs) == expected


def test_a_header_that_is_repeated_is_one_list_and_so_not_a_number() -> None:
    with pytest.raises(MalformedRequest, match="x-count"):
        headers([(b"x-count", b"1"), (b"x-count", b"2")])


def test_a_header_of_another_type_is_refused_by_its_name() -> None:
    with pytest.raises(MalformedRequest) as refused:
        headers([(b"x-count", b"many")])
    assert refusal(refused) == (
        "Header x-count: Expected `int | null`, got `str` - at `$.headers.x_count`",
        (Fault(("headers", "x_count"), "Expected `int | null`, got `str`"),),
    )


@pytest.mark.parametrize("id_", ["7", "", "null", "a b", "é", "Zürich-1", "à", "🎬", "\x85", "\xa0"])
def test_last_event_id_is_read_unchanged(id_: str) -> None:
    assert headers([(b"last-event-id", id_.encode())], ResumeHeaders) == ResumeHeaders(last_event_id=id_)
    assert headers([], ResumeHeaders).last_event_id is None


def test_a_last_event_id_that_is_not_utf_8_is_refused_by_its_name() -> None:
    with pytest.raises(MalformedRequest) as refused:
        headers([(b"last-event-id", "Zürich".encode("latin-1"))], ResumeHeaders)
    assert refusal(refused) == (
        "Header Last-Event-ID is not UTF-8.",
        (Fault(("headers", "last_event_id"), "Is not UTF-8"),),
    )


class Resuming(Struct):
    id_: str = field(name="Last-Event-ID")
    x_note: str = ""


def test_other_headers_are_read_as_latin_1() -> None:
    sent = [(b"last-event-id", "é".encode()), (b"x-note", "é".encode("latin-1"))]
    assert headers(sent, Resuming) == Resuming(id_="é", x_note="é")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Session()),
        ([b"session=abc; count=2"], Session("abc", 2)),
        ([b"session=abc", b"count=2"], Session("abc", 2)),
        ([b"session=first; session=second"], Session("first")),
        ([b'session="abc"'], Session("abc")),
        ([b"session=%C3%A9"], Session("%C3%A9")),
        ([b"session=50%41"], Session("50%41")),
        ([b"session=\xc3\xa9"], Session("é")),
        ([b"session=\xe9"], Session("é")),
        ([b"session=a+b"], Session("a+b")),
        ([b"Session=abc; other=1; lonely"], Session()),
        ([b"session="], Session("")),
    ],
)
def test_the_cookies_are_read(lines: list[bytes], expected: Session) -> None:
    assert cookies(*lines) == expected


def test_a_cookie_of_another_type_is_refused_with_its_path() -> None:
    with pytest.raises(MalformedRequest) as refused:
        cookies(b"count=many")
    assert refused.value.errors == (Fault(("cookies", "count"), "Expected `int`, got `str`"),)
