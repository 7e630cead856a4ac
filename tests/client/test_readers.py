"""The readers: the same lines, items and events, however the bytes are cut into chunks."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal, NewType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct

from jero import Conflict, Problem, ServerSentEvent, StreamFailed
from jero.client.readers import EventReader, LineReader, NDJSONReader
from jero.framing.sse import SSE
from tests.client.cuts import chunks


class Movie(Struct):
    title: str


TEXT = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\x0b", b"\x85", b"\xe2\x80\xa8"]), max_size=12).map(
    b"".join
)


def split(pieces: list[bytes], *, universal: bool) -> list[bytes]:
    reader = LineReader(universal=universal)
    return [line for piece in pieces for line in reader.feed(piece)]


@given(pieces=chunks(TEXT))
def test_lines_end_at_lf_only(pieces: list[bytes]) -> None:
    reader = LineReader()
    lines = [line for piece in pieces for line in reader.feed(piece)]
    assert [*lines, reader.end()] == b"".join(pieces).split(b"\n")


@given(pieces=chunks(TEXT))
def test_the_lines_of_an_event_stream_end_at_crlf_cr_and_lf(pieces: list[bytes]) -> None:
    *ended, _ = re.split(rb"\r\n|\r|\n", b"".join(pieces))
    assert split(pieces, universal=True) == ended


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\r"], [b"a"]),
        ([b"a\r", b"\nb\n"], [b"a", b"b"]),
        ([b"a\r", b"", b"\n", b"\n"], [b"a", b""]),
        ([b"a\r", b"\r", b"\n"], [b"a", b""]),
        ([b"\r\r"], [b"", b""]),
    ],
)
def test_a_cr_ends_its_line_before_the_next_chunk(pieces: list[bytes], lines: list[bytes]) -> None:
    assert split(pieces, universal=True) == lines


@pytest.mark.parametrize("universal", [False, True])
def test_a_long_line_in_small_chunks_is_joined_once(*, universal: bool) -> None:
    reader = LineReader(universal=universal)
    for _ in range(400_000):  # 80 GB are copied if each chunk copies the line
        assert not reader.feed(b"a")
    assert reader.feed(b"\n") == [b"a" * 400_000]


class Count(Struct):
    count: int


TITLES = st.lists(st.text(max_size=5).map(Movie), max_size=5)
MOVIE_LINES = TITLES.map(lambda movies: b"".join(msgspec.json.encode(movie) + b"\r\n\n" for movie in movies))


def items(type_: Any, *pieces: bytes) -> list[Any]:
    reader: NDJSONReader[Any] = NDJSONReader(type_)
    return [item for piece in pieces for item in reader.feed(piece)] + reader.end()


@given(pieces=chunks(MOVIE_LINES))
def test_the_items_are_the_same_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    lines = b"".join(pieces).split(b"\n")
    expected = [msgspec.json.decode(line, type=Movie) for line in lines if line.strip()]
    assert items(Movie, *pieces) == expected


def test_an_item_is_yielded_as_soon_as_its_line_has_ended() -> None:
    reader = NDJSONReader(int)
    assert list(reader.feed(b"1")) == []
    assert list(reader.feed(b"2\n3\n4")) == [12, 3]
    assert reader.end() == [4]


@given(pieces=chunks(st.just(b"1\n2\nnot a number\n3\n")))
def test_the_items_before_an_invalid_line_are_yielded_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    reader = NDJSONReader(int)
    found: list[int] = []
    with pytest.raises(msgspec.DecodeError):
        found.extend(item for piece in pieces for item in reader.feed(piece))
    assert found == [1, 2]


def test_blank_lines_are_skipped() -> None:
    assert items(int, b"\n\n1\n \r\n2\n\n") == [1, 2]


def test_an_empty_stream_has_no_items() -> None:
    assert items(int) == []


def test_each_item_has_the_requested_type() -> None:
    lines = b'{"title":"a"}\n{"title":"b"}\n'
    assert items(Movie, lines) == [Movie("a"), Movie("b")]
    assert items(dict[str, str], lines) == [{"title": "a"}, {"title": "b"}]


@pytest.mark.parametrize(
    ("pieces", "error", "note"),
    [
        ([b'{"count":1}\n\n{"count":"x"}\n'], msgspec.ValidationError, 'in line 3: b\'{"count":"x"}\''),
        ([b'{"count":1}\n{"cou'], msgspec.DecodeError, "in line 2: b'{\"cou'"),
        ([b"not json\n"], msgspec.DecodeError, "in line 1: b'not json'"),
        ([b"\xef\xbb\xbf{}\n"], msgspec.DecodeError, "in line 1: "),
        ([b'{"count":' + b"1" * 5_000 + b"}\n"], msgspec.ValidationError, "in line 1: "),
    ],
    ids=["wrong shape", "cut", "not json", "byte order mark", "too large a number"],
)
def test_an_invalid_line_is_quoted_in_a_note(pieces: list[bytes], error: type[Exception], note: str) -> None:
    with pytest.raises(error) as raised:
        items(Count, *pieces)
    [found] = raised.value.__notes__
    assert found.startswith(note)
    assert len(found) < 300


def test_a_line_that_is_not_utf_8_is_quoted_in_a_note() -> None:
    with pytest.raises(UnicodeDecodeError) as raised:
        items(Movie, b'\n{"title":"\xff"}\n')
    assert raised.value.__notes__ == ['in line 2: b\'{"title":"\\xff"}\'']


FIELD_LINES = st.sampled_from(
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
    """Generates event streams of valid and ignored lines, with every line end."""
    lines = draw(st.lists(st.tuples(FIELD_LINES, st.sampled_from(["\n", "\r", "\r\n"])), max_size=12))
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return (mark + "".join(line + end for line, end in lines)).encode()


def events(*pieces: bytes, type_: Any = str) -> list[ServerSentEvent[Any]]:
    reader: EventReader[Any] = EventReader(type_)
    return [event for piece in pieces for event in reader.feed(piece)]


def parsed_by_the_standard(stream: bytes) -> list[ServerSentEvent[str]]:
    """Parses a whole stream step by step as WHATWG HTML, section 9.2.6, describes."""
    found: list[ServerSentEvent[str]] = []
    data, event, last_event_id = "", "", None
    for line in re.split(r"\r\n|\r|\n", stream.decode("utf-8-sig"))[:-1]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append(ServerSentEvent(data=data.removesuffix("\n"), event=event or None, id=last_event_id))
            data = event = ""
        elif name == "data":
            data += value + "\n"
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            last_event_id = value
    return found


@given(pieces=chunks(streams()))
def test_events_follow_the_standard_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    assert events(*pieces) == parsed_by_the_standard(b"".join(pieces))


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
    assert [event.data for event in events(stream)] == data


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
def test_a_retry_that_is_not_digits_is_ignored(line: str, retry: int | None) -> None:
    reader = EventReader(str)
    assert list(reader.feed(f"retry: {line}\n\n".encode())) == []
    assert reader.retry == retry


def test_a_cut_event_does_not_change_the_last_id() -> None:
    reader = EventReader(str)
    assert len(list(reader.feed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n"))) == 1
    assert reader.last_event_id == "1"
    assert len(list(reader.feed(b"\n"))) == 1
    assert reader.last_event_id == "2"


def test_an_id_without_data_changes_the_last_id() -> None:
    reader = EventReader(str)
    assert list(reader.feed(b"id: 1\n\n")) == []
    assert reader.last_event_id == "1"


@pytest.mark.parametrize("line", [b"event: a\0b", b"retry: " + b"9" * 5_000], ids=["NUL in event", "endless retry"])
def test_an_unusual_field_does_not_break_the_event(line: bytes) -> None:
    assert [event.data for event in events(line + b"\ndata: a\n\n")] == ["a"]


def test_data_has_the_requested_type() -> None:
    assert events(b'data: {"title":\ndata: "a"}\n\n', type_=Movie) == [ServerSentEvent(data=Movie("a"))]
    assert events(b"data: 3\n\n", type_=int) == [ServerSentEvent(data=3)]
    assert events(b"data: 3\n\n", type_=str) == [ServerSentEvent(data="3")]


@pytest.mark.parametrize("type_", [Movie, int, Movie | None, Any, msgspec.Raw, list[str]])
def test_an_event_without_a_name_whose_data_is_empty_is_a_ping(type_: Any) -> None:
    reader: EventReader[Any] = EventReader(type_)
    assert list(reader.feed(b"data:\n\ndata\nid: 7\n\nevent:\ndata: \n\n")) == []
    assert reader.last_event_id == "7"


@pytest.mark.parametrize("name", ["end", "error"])
def test_a_named_event_whose_data_is_empty_has_no_data(name: str) -> None:
    [event] = events(f"event: {name}\ndata:\n\n".encode(), type_=Movie)
    assert (event.event, event.data) == (name, UNSET)


@pytest.mark.parametrize(("type_", "empty"), [(str, ""), (bytes, b""), (Literal["", "a"], "")])
def test_empty_data_is_a_text(type_: Any, empty: Any) -> None:
    assert events(b"data:\n\n", type_=type_) == [ServerSentEvent(data=empty)]


def test_invalid_data_is_quoted_in_a_note() -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        events(b'event: movie\ndata: {"title":1}\n\n', type_=Movie)
    assert raised.value.__notes__ == ["in the data of an event 'movie': '{\"title\":1}'"]


def test_an_error_event_with_a_problem_raises() -> None:
    reader = EventReader(int)
    problem = Conflict("taken").problem()
    with pytest.raises(StreamFailed, match="the stream failed: taken") as raised:
        list(reader.feed(b"event: error\ndata: " + msgspec.json.encode(problem) + b"\n\n"))
    assert raised.value.problem == Problem("conflict", "Conflict", 409, "taken")


@pytest.mark.parametrize("data", ["3", "{}", '{"type":"x","title":"y"}', "not json"])
def test_an_error_event_without_a_problem_is_yielded(data: str) -> None:
    assert events(f"event: error\ndata: {data}\n\n".encode()) == [ServerSentEvent(data=data, event="error")]


PROBLEM = msgspec.json.encode(Conflict("taken").problem())


@given(pieces=chunks(st.just(b"data: 1\n\ndata: 2\n\nevent: error\ndata: " + PROBLEM + b"\n\ndata: 3\n\n")))
def test_the_events_before_a_failure_are_yielded_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    reader = EventReader(int)
    found: list[ServerSentEvent[int]] = []
    with pytest.raises(StreamFailed):
        found.extend(event for piece in pieces for event in reader.feed(piece))
    assert [event.data for event in found] == [1, 2]


def test_a_restart_drops_all_but_the_last_id_and_the_retry() -> None:
    reader = EventReader(str)
    assert len(list(reader.feed(b"retry: 5\nid: 1\ndata: a\n\nid: 2\nevent: e\ndata: b\nda"))) == 1
    reader.restart()
    assert (reader.last_event_id, reader.retry) == ("1", 5)
    assert list(reader.feed(b"\xef\xbb\xbfdata: c\r\n\r\n")) == [ServerSentEvent(data="c", id="1")]


def test_a_reader_starts_with_a_given_last_id() -> None:
    reader = EventReader(str, last_event_id="7")
    assert list(reader.feed(b"data: a\n\nid\ndata: b\n\n")) == [
        ServerSentEvent(data="a", id="7"),
        ServerSentEvent(data="b", id=""),
    ]


A = Literal["a"]
B = Literal["b"]
Slug = NewType("Slug", str)
Key = NewType("Key", bytes)


class Word(str):
    __slots__ = ()


class Genre(StrEnum):
    DRAMA = "drama"


@pytest.mark.parametrize(
    ("type_", "data", "expected"),
    [
        (str, "3", "3"),
        (Literal["3", "a"], "3", "3"),
        (A | B, "b", "b"),
        (Annotated[str, Meta(min_length=1)], "null", "null"),
        (Annotated[str, Meta(description="a word")], '"a"', '"a"'),
        (Slug, "true", "true"),
        (Annotated[Slug, Meta(pattern="^t")], "true", "true"),
        (Word, "3", Word("3")),
        (bytes, "é", "é".encode()),
        (Key, "é", "é".encode()),
        (Annotated[bytes, Meta(max_length=2)], "é", "é".encode()),
        (bytearray, "é", bytearray("é".encode())),
        (Genre, '"drama"', Genre.DRAMA),
        (Genre | None, "null", None),
        (list[str], '["a"]', ["a"]),
        (Any, '"a"', "a"),
        (Movie | None, "null", None),
        (msgspec.Raw, "[1]", msgspec.Raw(b"[1]")),
    ],
)
def test_data_is_text_if_the_type_is_text_alone_and_json_otherwise(type_: Any, data: str, expected: Any) -> None:
    [event] = events(f"data: {data}\n\n".encode(), type_=type_)
    assert event.data == expected
    assert type(event.data) is type(expected)


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        (Literal["a", "b"], "c"),
        (Annotated[str, Meta(min_length=2)], "a"),
        (Annotated[bytes, Meta(max_length=1)], "é"),
        (Genre, "drama"),
    ],
)
def test_text_that_does_not_fit_its_type_is_refused(type_: Any, data: str) -> None:
    with pytest.raises(msgspec.DecodeError) as raised:
        events(f"data: {data}\n\n".encode(), type_=type_)
    assert raised.value.__notes__ == [f"in the data of an event 'message': {data!r}"]


@pytest.mark.parametrize(
    "type_",
    [str | None, str | int, str | Movie, Literal["a", 1], bytes | None, Annotated[str | int, 1]],
)
def test_a_union_of_text_with_another_type_is_refused_when_the_reader_is_made(type_: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^An event's data cannot be read as .*, or use a Struct with a field for it\.$"
    ):
        EventReader(type_)


def written(*items: Any) -> bytes:
    buffer = bytearray()
    for item in items:
        SSE.encode(item, buffer, msgspec.json.Encoder())
    return bytes(buffer)


@st.composite
def sendable_events(draw: st.DrawFn) -> ServerSentEvent[str]:
    """Generates events whose text a stream carries unchanged: CR and CRLF arrive as LF."""
    data = draw(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=4))
    event = draw(st.none() | st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1))
    id_ = draw(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4).map(lambda text: text.strip(" ")))
    return ServerSentEvent(data=data, event=event, id=id_)


@given(
    pieces=chunks(st.lists(sendable_events(), max_size=3).map(lambda events: written(*events))), event=sendable_events()
)
def test_what_is_written_is_read_back_however_the_bytes_are_cut(
    pieces: list[bytes], event: ServerSentEvent[str]
) -> None:
    whole = b"".join(pieces)
    expected = events(whole)
    assert events(*pieces) == expected
    assert written(*expected) == whole
    text = written(event)
    for at in range(len(text)):
        assert events(text[:at], text[at:]) == [event]


@given(retry=st.integers(0, 10**20))
def test_a_retry_is_read_back_up_to_a_bound(retry: int) -> None:
    reader = EventReader(str)
    assert list(reader.feed(written(ServerSentEvent(retry=retry)))) == []
    assert reader.retry == min(retry, 10**15 - 1)


@given(pieces=chunks(st.just(b'\xef\xbb\xbf{"title":"a"}\n{"title":"b"}\n')))
def test_a_byte_order_mark_before_the_first_item_is_skipped(pieces: list[bytes]) -> None:
    assert items(Movie, *pieces) == [Movie("a"), Movie("b")]
    assert items(Movie, b"\xef\xbb\xbf") == []


def test_a_byte_order_mark_in_a_later_line_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        items(int, b"1\n\xef\xbb\xbf2\n")
