"""Two independent parsers read framed events back unchanged."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest
from httpx_sse import EventSource
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.json import Encoder

from jero import ServerSentEvent
from jero.framing.sse import SSE

# Line breaks of Python. Only the first three are line breaks of an event stream (WHATWG HTML, section 9.2.5).
LINE_BREAKS = ["\r\n", "\r", "\n", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]
PIECES = st.sampled_from(
    [*LINE_BREAKS, "", " ", "  ", ":", "\0", "\ufeff", "\t", "data: x", "event: x", "id", "é", "🎬"]
)
TEXT = st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join)
FIELD = TEXT.map(lambda text: text.translate(dict.fromkeys(map(ord, "\r\n\0"))))
CONTROLS = dict.fromkeys([*range(0x20), 0x7F])
# What a header carries: browsers send an id back in one.
ID = TEXT.map(lambda text: text.translate(CONTROLS).strip(" "))


class Event(NamedTuple):
    event: str
    data: str
    id: str


Parser = Callable[[bytes], list[Event]]


def read_by_httpx_sse(stream: bytes) -> list[Event]:
    response = httpx.Response(200, content=stream, headers={"content-type": "text/event-stream"})
    return [Event(event.event, event.data, event.id) for event in EventSource(response).iter_sse()]


def read_by_sseclient(stream: bytes) -> list[Event]:
    sseclient: Any = importlib.import_module("sseclient")  # the package has no types
    events = sseclient.SSEClient(iter([stream])).events()
    return [Event(event.event, event.data, event.id or "") for event in events]


def framed(*items: Any) -> bytes:
    buffer = bytearray()
    for item in items:
        SSE.encode(item, buffer, Encoder())
    return bytes(buffer)


def normalized(text: str) -> str:
    """Returns the text as a reader receives it: with LF for each CRLF and CR (WHATWG HTML, section 9.2.6)."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


by_both_parsers = pytest.mark.parametrize(
    "read", [read_by_httpx_sse, read_by_sseclient], ids=["httpx-sse", "sseclient-py"]
)


@by_both_parsers
@given(texts=st.lists(TEXT, max_size=4))
@example(texts=["".join(LINE_BREAKS), "\n", "\r\n", "\n\n", " ", ":", "", "\ufeff", "\0"])
def test_data_is_read_back(read: Parser, texts: list[str]) -> None:
    assert [event.data for event in read(framed(*texts))] == [normalized(text) for text in texts]


@by_both_parsers
@given(texts=st.lists(TEXT, max_size=4))
def test_bytes_are_read_back(read: Parser, texts: list[str]) -> None:
    stream = framed(*(text.encode() for text in texts))
    assert [event.data for event in read(stream)] == [normalized(text) for text in texts]


@by_both_parsers
@given(data=TEXT, event=FIELD.filter(bool), id_=ID, comment=TEXT, retry=st.none() | st.integers(0, 2**40))
def test_every_field_is_read_back(
    read: Parser, data: str, event: str, id_: str, comment: str, retry: int | None
) -> None:
    stream = framed(ServerSentEvent(data=data, event=event, id=id_, comment=comment, retry=retry))
    assert read(stream) == [Event(event, normalized(data), id_)]


@by_both_parsers
@given(comment=TEXT, data=TEXT)
def test_a_comment_is_ignored(read: Parser, comment: str, data: str) -> None:
    stream = framed(ServerSentEvent(comment=comment), data, ServerSentEvent(comment=comment, data=data))
    assert read(stream) == [Event("message", normalized(data), "")] * 2


@by_both_parsers
@given(
    value=st.recursive(st.none() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner))
)
def test_json_is_read_back(read: Parser, value: Any) -> None:
    [event] = read(framed([value]))
    assert event.data == Encoder().encode([value]).decode()


@by_both_parsers
@given(data=TEXT)
def test_a_ping_between_two_events_is_ignored(read: Parser, data: str) -> None:
    ping = SSE.keepalive
    assert ping is not None
    assert read(ping + framed(data) + ping + framed(data) + ping) == [Event("message", normalized(data), "")] * 2
