from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.json import Encoder

from jero import ServerSentEvent
from jero.framing.sse import SSE
from tests.framing.items import ITEMS, RAW_HOLDERS, UNENCODABLE, Color, Movie
from tests.naming import shown


def framed(item: Any) -> bytes:
    buffer = bytearray()
    SSE.encode(item, buffer, Encoder())
    return bytes(buffer)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("", b"data: \n\n"),
        ("a", b"data: a\n\n"),
        (" a", b"data:  a\n\n"),
        (":a", b"data: :a\n\n"),
        ("a\nb", b"data: a\ndata: b\n\n"),
        ("a\rb", b"data: a\ndata: b\n\n"),
        ("a\r\nb", b"data: a\ndata: b\n\n"),
        ("a\n\rb", b"data: a\ndata: \ndata: b\n\n"),
        ("a\n", b"data: a\ndata: \n\n"),
        ("\r\n\r\n", b"data: \ndata: \ndata: \n\n"),
        (
            "a\x85b\u2028c\u2029d\x0be\x0cf\x1cg\x1dh\x1ei",
            "data: a\x85b\u2028c\u2029d\x0be\x0cf\x1cg\x1dh\x1ei\n\n".encode(),
        ),
        ("\0", b"data: \0\n\n"),
        ("\ufeffa", "data: \ufeffa\n\n".encode()),
        (b"a\nevent: x", b"data: a\ndata: event: x\n\n"),
        (bytearray(b"a\r\nb"), b"data: a\ndata: b\n\n"),
        (memoryview(b"a\rb"), b"data: a\ndata: b\n\n"),
        (b"\xff", b"data: \xff\n\n"),
    ],
)
def test_text_becomes_data_split_at_crlf_cr_and_lf_alone(item: Any, text: bytes) -> None:
    assert framed(item) == text
    assert framed(ServerSentEvent(data=item)) == text


@pytest.mark.parametrize(("item", "json"), [*ITEMS, (Color.RED, b'"red"')], ids=shown)
def test_any_other_item_becomes_json_data(item: Any, json: bytes) -> None:
    assert framed(item) == framed(ServerSentEvent(data=item)) == b"data: " + json + b"\n\n"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            ServerSentEvent(data="d", event="e", id="1", retry=3, comment="c"),
            b": c\nevent: e\nid: 1\nretry: 3\ndata: d\n\n",
        ),
        (ServerSentEvent(data=Movie("a"), event="movie"), b'event: movie\ndata: {"title":"a"}\n\n'),
        (ServerSentEvent(data=None), b"data: null\n\n"),
        (ServerSentEvent(data=""), b"data: \n\n"),
        (ServerSentEvent(id=""), b"id: \n\n"),
        (ServerSentEvent(event=""), b"event: \n\n"),
        (ServerSentEvent(retry=0), b"retry: 0\n\n"),
        (ServerSentEvent(comment=""), b": \n\n"),
        (ServerSentEvent(comment="a\r\nb\rdata: c"), b": a\n: b\n: data: c\n\n"),
        (ServerSentEvent(event=" e:é", id=":\u2028"), "event:  e:é\nid: :\u2028\n\n".encode()),
    ],
    ids=shown,
)
def test_an_event_is_written_with_its_fields_in_order(event: ServerSentEvent, text: bytes) -> None:
    assert framed(event) == text


@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("value", ["a\nb", "a\rdata: b", "\r\n", "a\n", "\0", "a\0b"])
def test_a_field_with_a_line_break_or_nul_is_refused(field: str, value: str) -> None:
    values: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=rf"ServerSentEvent\({field}=.*\): it contains CR, LF or NUL\. Remove them\."):
        ServerSentEvent(data="d", **values)


@pytest.mark.parametrize("retry", [-1, 1.5, 3.0, "3", True, float("nan")])
def test_a_retry_that_is_not_a_count_of_milliseconds_is_refused(retry: Any) -> None:
    with pytest.raises(ValueError, match="it must be a non-negative integer, milliseconds"):
        ServerSentEvent(data="d", retry=retry)


def test_an_event_without_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least one of data, event, id, retry and comment"):
        ServerSentEvent()


def test_an_event_is_frozen_and_keyword_only() -> None:
    with pytest.raises(AttributeError):
        setattr(ServerSentEvent(data="d"), "event", "a\nb")  # noqa: B010 - type checkers refuse a plain assignment
    positional: Any = ServerSentEvent
    with pytest.raises(TypeError):
        positional("d")


@pytest.mark.parametrize("wrap", RAW_HOLDERS)
@pytest.mark.parametrize("json", [b'{"a":\nevent: x}', b'{"a":\r1}', b"\r\n1"])
def test_raw_json_with_line_breaks_does_not_start_a_field(json: bytes, wrap: Callable[[msgspec.Raw], Any]) -> None:
    for line in framed(wrap(msgspec.Raw(json))).splitlines():
        assert line == b"" or line.startswith(b"data: ")


@pytest.mark.parametrize("item", [*UNENCODABLE, ServerSentEvent(event="\ud800")], ids=shown)
def test_an_item_that_cannot_be_encoded_raises(item: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        framed(item)


def test_the_format_has_a_comment_as_ping() -> None:
    assert (SSE.content_type, SSE.opening, SSE.separator, SSE.closing, SSE.keepalive) == (
        "text/event-stream",
        b"",
        b"",
        b"",
        b": ping\n\n",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"id": 100}, "ServerSentEvent(id=100): it must be text. Convert it with str()."),
        ({"id": b"a"}, "ServerSentEvent(id=b'a'): it must be text. Convert it with str()."),
        ({"event": 1}, "ServerSentEvent(event=1): it must be text. Convert it with str()."),
        ({"comment": 1.5}, "ServerSentEvent(comment=1.5): it must be text. Convert it with str()."),
    ],
)
def test_a_field_of_another_type_is_refused_with_a_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as refused:
        ServerSentEvent(data=1, **options)
    assert str(refused.value) == message
