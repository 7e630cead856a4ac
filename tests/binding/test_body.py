"""Bodies that are read whole: up to their limit, and refused with the path of the fault."""

import gzip
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from jero.binding.body import BodyReader
from jero.errors import (
    ClientDisconnected,
    ContentTooLarge,
    Fault,
    MalformedRequest,
    UnprocessableContent,
    UnsupportedMediaType,
)
from jero.http.asgi import HeaderPairs, Message
from tests.application import ReadOnError, http_scope, read_at_once


class Actor(Struct):
    name: str
    age: Annotated[int, Meta(ge=0)] = 0


class Movie(Struct):
    title: str
    cast: list[Actor] = []
    notes: dict[str, int] = {}


def part(body: bytes, *, more_body: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more_body}


async def read(*messages: Message, limit: int = 10, content_length: bytes | None = None) -> bytes:
    """Reads a body of these messages. Fails if `receive` is called after the last of them."""
    pending = iter(messages)

    async def receive() -> Message:
        for message in pending:
            return message
        raise ReadOnError

    pairs = [] if content_length is None else [(b"content-length", content_length)]
    body: bytes = await BodyReader("content", bytes, limit, 30.0).read(http_scope("POST", headers=pairs), receive)
    return body


def decode(body: bytes, type_: Any = Movie, content_type: bytes | None = b"application/json") -> Any:
    pairs = [] if content_type is None else [(b"content-type", content_type)]
    return read_at_once("json", type_, pairs, body)


@pytest.mark.parametrize(
    "messages",
    [
        [part(b"0123456789", more_body=False)],
        [part(b"01234"), part(b""), part(b"56789", more_body=False)],
        [part(b"0123456789"), part(b"", more_body=False)],
        [{"type": "http.request", "body": b"0123456789"}],
        [part(b"0123456789"), {"type": "http.request"}],
    ],
    ids=["whole", "in parts", "an empty last part", "no more_body", "no body"],
)
async def test_a_body_of_exactly_the_limit_is_read(messages: list[Message]) -> None:
    assert await read(*messages, content_length=b"10") == b"0123456789"


async def test_an_empty_body_is_read() -> None:
    assert await read(part(b"", more_body=False)) == b""


@pytest.mark.parametrize("content_length", [b"11", b"1048577", b"9" * 40, b"9" * 5_000])
async def test_a_body_whose_content_length_is_too_large_is_not_read(content_length: bytes) -> None:
    with pytest.raises(ContentTooLarge, match="larger than 10 bytes"):
        await read(content_length=content_length)


@pytest.mark.parametrize("messages", [[part(b"01234567890")], [part(b"0123456789"), part(b"0")]])
@pytest.mark.parametrize("content_length", [None, b"5", b"-1", b"nonsense", b""])
async def test_a_body_that_exceeds_its_limit_is_not_read_further(
    messages: list[Message], content_length: bytes | None
) -> None:
    with pytest.raises(ContentTooLarge, match="larger than 10 bytes") as refused:
        await read(*messages, content_length=content_length)
    assert refused.value.headers == {"Connection": "close"}


@pytest.mark.parametrize("messages", [[], [part(b"01")], [part(b"01"), part(b"23")]])
async def test_a_client_that_leaves_before_the_end_raises(messages: list[Message]) -> None:
    with pytest.raises(ClientDisconnected):
        await read(*messages, {"type": "http.disconnect"})


@given(parts=st.lists(st.binary(max_size=6), min_size=1, max_size=6))
async def test_a_body_is_read_whole_or_refused_by_its_size(parts: list[bytes]) -> None:
    messages = [part(piece, more_body=number < len(parts)) for number, piece in enumerate(parts, 1)]
    whole = b"".join(parts)
    try:
        assert await read(*messages) == whole
    except ContentTooLarge:
        assert len(whole) > 10
    else:
        assert len(whole) <= 10


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/json",
        b"Application/JSON",
        b"application/json; charset=utf-8",
        b"application/json;charset=utf-8",
        b" application/json ",
        b"application/merge-patch+json",
        b"application/vnd.api+json; version=1",
    ],
)
def test_a_json_media_type_is_read(content_type: bytes) -> None:
    assert decode(b'{"title":"a"}', content_type=content_type) == Movie("a")


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        (None, "missing"),
        (b"", "'', which is not read here"),
        (b"text/plain", "'text/plain', which is not read here"),
        (b"application/x-www-form-urlencoded", "'application/x-www-form-urlencoded', which is not read here"),
        (b"application/jsonl", "'application/jsonl', which is not read here"),
        (b"text/x+json", "'text/x+json', which is not read here"),
        (b"\xff", "'\xff', which is not read here"),
    ],
)
def test_another_media_type_is_refused(content_type: bytes | None, found: str) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        decode(b'{"title":"a"}', content_type=content_type)
    assert refused.value.detail == f"Content-Type is {found}; send the body as application/json."
    assert refused.value.headers == {"Accept": "application/json"}


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP ", b"br", b"identity, gzip", b"x-gzip"])
def test_an_encoded_body_is_refused(encoding: bytes) -> None:
    pairs = [(b"content-encoding", encoding), (b"content-type", b"application/json")]
    with pytest.raises(UnsupportedMediaType) as refused:
        read_at_once("json", Movie, pairs, gzip.compress(b'{"title":"a"}'))
    assert refused.value.headers == {"Accept-Encoding": "identity"}
    assert f"Content-Encoding is {encoding.decode()!r}" in str(refused.value)


@pytest.mark.parametrize("encoding", [b"", b"identity", b" Identity "])
def test_a_body_without_an_encoding_is_read(encoding: bytes) -> None:
    pairs = [(b"content-encoding", encoding), (b"content-type", b"application/json")]
    assert read_at_once("json", Movie, pairs, b'{"title":"a"}') == Movie("a")


def test_several_media_types_are_refused() -> None:
    pairs = [(b"content-type", b"application/json"), (b"content-type", b"text/plain")]
    with pytest.raises(MalformedRequest, match="Header Content-Type was sent several times, with different values"):
        read_at_once("json", Movie, pairs, b"{}")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"title=a", "is not JSON"),
        (b'{"title":"a"}}', "is not JSON"),
        (b"{'title':'a'}", "is not JSON"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        (b'{"title":"\\ud800"}', "is not JSON"),
        (b'{"title":"a\nb"}', "is not JSON"),
        (b'{"title":NaN}', "is not JSON"),
        (b'{"title":"\xff"}', "is not UTF-8"),
        (b'{"title":"\xed\xa0\x80"}', "is not UTF-8"),
        ('{"title":"a"}'.encode("utf-16"), "is not"),
    ],
)
def test_a_body_that_is_not_json_is_malformed(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedRequest, match=f"^The body {reason}"):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [b"[" * 10_000, b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000],
    ids=["cut", "array", "object"],
)
def test_a_body_that_is_nested_too_deep_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"^The body is nested too deep\.$"):
        decode(body, Any)


@pytest.mark.parametrize(
    ("body", "loc", "message", "type_"),
    [
        (b"[]", (), "Expected `object`, got `array`", "value_error"),
        (b"null", (), "Expected `object`, got `null`", "value_error"),
        (b"{}", ("title",), "Object missing required field `title`", "missing"),
        (b'{"title":1}', ("title",), "Expected `str`, got `int`", "value_error"),
        (b'{"title":"a","cast":[{}]}', ("cast", 0, "name"), "Object missing required field `name`", "missing"),
        (
            b'{"title":"a","cast":[{"name":"b"},{"name":2}]}',
            ("cast", 1, "name"),
            "Expected `str`, got `int`",
            "value_error",
        ),
        (b'{"title":"a","cast":[{"name":"b","age":-1}]}', ("cast", 0, "age"), "Expected `int` >= 0", "value_error"),
        (b'{"title":"a","notes":{"x":"y"}}', ("notes", "..."), "Expected `int`, got `str`", "value_error"),
    ],
)
def test_a_body_of_another_shape_is_refused_with_its_path(
    body: bytes, loc: tuple[str | int, ...], message: str, type_: str
) -> None:
    with pytest.raises(UnprocessableContent) as refused:
        decode(body)
    assert refused.value.errors == (Fault(("json", *loc), message, type_),)
    assert str(refused.value.detail).startswith(f"{message} - at `$.json")


def test_a_key_of_another_shape_is_refused_with_its_path() -> None:
    with pytest.raises(UnprocessableContent) as refused:
        decode(b'{"a":{"x":1}}', dict[str, dict[int, int]])
    [fault] = refused.value.errors
    assert fault.loc == ("json", "...")
    assert fault.msg == "Expected `int`, got `str`"


@given(body=st.binary(max_size=30) | st.text(alphabet='{}[]":,title1\\un', max_size=30).map(str.encode))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        movie = decode(body)
    except (MalformedRequest, UnprocessableContent) as refusal:
        movie = refusal.detail
    assert isinstance(movie, Movie | str)


def test_raw_content_is_unchanged_and_needs_no_media_type() -> None:
    assert read_at_once("content", bytes, [], b"\0\xff") == b"\0\xff"


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("json", [(b"content-type", b"text/plain")]),
        ("json", []),
        ("json", [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")]),
        ("content", [(b"content-encoding", b"gzip")]),
    ],
)
async def test_a_body_that_cannot_be_decoded_is_refused_before_it_is_read(name: str, pairs: HeaderPairs) -> None:
    async def receive() -> Message:
        raise ReadOnError

    with pytest.raises(UnsupportedMediaType):
        await BodyReader(name, bytes, 10, 30.0).read(http_scope("POST", headers=pairs), receive)
