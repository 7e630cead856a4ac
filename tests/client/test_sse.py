import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from jero import Conflict, Problem, ServerSentEvent, StreamFailed
from jero.client.sse import EventReader
from tests.client.cuts import chunks


class Movie(Struct):
    title: str


LINES = st.sampled_from(
    [
        *(
            "data: a",
            "data:b",
            "data",
            "data:  c",
            "data:",
            "data: é\u2028\x85",
            "\ufeffdata: x",
            " data: x",
            "data : x",
        ),
        *("event: e", "event:", "id: 1", "id", "id: a\0b", "retry: 3", "retry: x", "unknown: x", ": ping", ":"),
        *("", "", ""),
    ]
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """An event stream of lines that mean something and of lines that mean nothing, ended in every way."""
    lines = draw(st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r", "\r\n"])), max_size=12))
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return (mark + "".join(line + end for line, end in lines)).encode()


def read(*pieces: bytes, type_: Any = str) -> list[ServerSentEvent[Any]]:
    reader: EventReader[Any] = EventReader(type_)
    return [event for piece in pieces for event in reader.feed(piece)]


def as_the_standard_says(stream: bytes) -> list[ServerSentEvent[str]]:
    """WHATWG HTML, section 9.2.6, step by step, over the whole stream at once."""
    events: list[ServerSentEvent[str]] = []
    data, event, last_event_id = "", "", None
    for line in re.split(r"\r\n|\r|\n", stream.decode("utf-8-sig"))[:-1]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append(ServerSentEvent(data=data.removesuffix("\n"), event=event or None, id=last_event_id))
            data = event = ""
        elif name == "data":
            data += value + "\n"
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            last_event_id = value
    return events


@given(pieces=chunks(streams()))
def test_events_are_the_standards_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    assert read(*pieces) == as_the_standard_says(b"".join(pieces))


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: a\n\n", ["a"]),
        (b"data: a\r\r", ["a"]),
        (b"data: a\r\n\r\n", ["a"]),
        (b"data\n\ndata\ndata\n\ndata:", ["", "\n"]),
        (b"data:test\n\ndata: test\n\n", ["test", "test"]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third\n",
            ["first event", "second event"],
        ),
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", ["b"]),
        (b"data: a\n", []),
        (b"data: \xff\n\n", ["\ufffd"]),
    ],
)
def test_the_data_of_events(stream: bytes, data: list[str]) -> None:
    assert [event.data for event in read(stream)] == data


def test_the_fields_of_an_event() -> None:
    stream = b"event: movie\nid: 7\nretry: 250\ndata: a\n\ndata: b\n\nid:\ndata: c\n\n"
    reader = EventReader(str)
    assert list(reader.feed(stream)) == [
        ServerSentEvent(data="a", event="movie", id="7"),
        ServerSentEvent(data="b", id="7"),
        ServerSentEvent(data="c", id=""),
    ]
    assert reader.retry == 250


@pytest.mark.parametrize(
    ("line", "retry"), [("3", 3), ("0", 0), ("-1", None), ("3.5", None), ("x", None), ("", None), ("\u0663", None)]
)
def test_a_retry_is_digits_or_passed_over(line: str, retry: int | None) -> None:
    reader = EventReader(str)
    assert list(reader.feed(f"retry: {line}\n\n".encode())) == []
    assert reader.retry == retry


def test_an_event_that_was_cut_off_does_not_count_as_received() -> None:
    reader = EventReader(str)
    assert len(list(reader.feed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n"))) == 1
    assert reader.last_event_id == "1"
    assert len(list(reader.feed(b"\n"))) == 1
    assert reader.last_event_id == "2"


def test_an_id_counts_without_data() -> None:
    reader = EventReader(str)
    assert list(reader.feed(b"id: 1\n\n")) == []
    assert reader.last_event_id == "1"


@pytest.mark.parametrize("line", [b"event: a\0b", b"retry: " + b"9" * 5_000], ids=["NUL in event", "endless retry"])
def test_an_odd_field_of_a_foreign_server_breaks_nothing(line: bytes) -> None:
    assert [event.data for event in read(line + b"\ndata: a\n\n")] == ["a"]


def test_data_is_of_the_type_that_was_asked_for() -> None:
    assert read(b'data: {"title":\ndata: "a"}\n\n', type_=Movie) == [ServerSentEvent(data=Movie("a"))]
    assert read(b"data: 3\n\n", type_=int) == [ServerSentEvent(data=3)]
    assert read(b"data: 3\n\n", type_=str) == [ServerSentEvent(data="3")]


def test_faulty_data_is_named_in_a_note() -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        read(b'event: movie\ndata: {"title":1}\n\n', type_=Movie)
    assert raised.value.__notes__ == ["in the data of an event 'movie': '{\"title\":1}'"]


def test_an_event_that_tells_of_a_failure_raises() -> None:
    reader = EventReader(int)
    problem = Conflict("taken").problem()
    with pytest.raises(StreamFailed, match="the stream failed: taken") as raised:
        list(reader.feed(b"event: error\ndata: " + msgspec.json.encode(problem) + b"\n\n"))
    assert raised.value.problem == Problem("conflict", "Conflict", 409, "taken")


@pytest.mark.parametrize("data", ["3", "{}", '{"type":"x","title":"y"}', "no json"])
def test_an_error_of_the_applications_own_is_an_event(data: str) -> None:
    assert read(f"event: error\ndata: {data}\n\n".encode()) == [ServerSentEvent(data=data, event="error")]


PROBLEM = msgspec.json.encode(Conflict("taken").problem())


@given(pieces=chunks(st.just(b"data: 1\n\ndata: 2\n\nevent: error\ndata: " + PROBLEM + b"\n\ndata: 3\n\n")))
def test_the_events_before_a_failure_are_given_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    reader = EventReader(int)
    events: list[ServerSentEvent[int]] = []
    with pytest.raises(StreamFailed):
        events.extend(event for piece in pieces for event in reader.feed(piece))
    assert [event.data for event in events] == [1, 2]


def test_a_new_connection_begins_anew_but_for_what_a_client_comes_back_with() -> None:
    reader = EventReader(str)
    assert len(list(reader.feed(b"retry: 5\nid: 1\ndata: a\n\nid: 2\nevent: e\ndata: b\nda"))) == 1
    reader.restart()
    assert (reader.last_event_id, reader.retry) == ("1", 5)
    assert list(reader.feed(b"\xef\xbb\xbfdata: c\r\n\r\n")) == [ServerSentEvent(data="c", id="1")]


def test_a_reader_may_begin_where_another_ended() -> None:
    reader = EventReader(str, last_event_id="7")
    assert list(reader.feed(b"data: a\n\nid\ndata: b\n\n")) == [
        ServerSentEvent(data="a", id="7"),
        ServerSentEvent(data="b", id=""),
    ]
