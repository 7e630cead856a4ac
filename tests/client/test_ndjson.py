from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from jero.client.ndjson import NDJSONReader
from tests.client.cuts import chunks


class Movie(Struct):
    title: str


class Count(Struct):
    count: int


TITLES = st.lists(st.text(max_size=5).map(Movie), max_size=5)
LINES = TITLES.map(lambda movies: b"".join(msgspec.json.encode(movie) + b"\r\n\n" for movie in movies))


def read(type_: Any, *pieces: bytes) -> list[Any]:
    reader: NDJSONReader[Any] = NDJSONReader(type_)
    return [item for piece in pieces for item in reader.feed(piece)] + reader.end()


@given(pieces=chunks(LINES))
def test_items_come_whole_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    lines = b"".join(pieces).split(b"\n")
    expected = [msgspec.json.decode(line, type=Movie) for line in lines if line.strip()]
    assert read(Movie, *pieces) == expected


def test_an_item_is_given_as_soon_as_its_line_has_ended() -> None:
    reader = NDJSONReader(int)
    assert list(reader.feed(b"1")) == []
    assert list(reader.feed(b"2\n3\n4")) == [12, 3]
    assert reader.end() == [4]


@given(pieces=chunks(st.just(b"1\n2\nno number\n3\n")))
def test_the_items_before_a_faulty_line_are_given_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    reader = NDJSONReader(int)
    items: list[int] = []
    with pytest.raises(msgspec.DecodeError):
        items.extend(item for piece in pieces for item in reader.feed(piece))
    assert items == [1, 2]


def test_empty_lines_are_passed_over() -> None:
    assert read(int, b"\n\n1\n \r\n2\n\n") == [1, 2]


def test_nothing_is_no_item() -> None:
    assert read(int) == []


def test_each_item_is_of_the_type_that_was_asked_for() -> None:
    lines = b'{"title":"a"}\n{"title":"b"}\n'
    assert read(Movie, lines) == [Movie("a"), Movie("b")]
    assert read(dict[str, str], lines) == [{"title": "a"}, {"title": "b"}]


@pytest.mark.parametrize(
    ("pieces", "error", "note"),
    [
        ([b'{"count":1}\n\n{"count":"x"}\n'], msgspec.ValidationError, 'in line 3: b\'{"count":"x"}\''),
        ([b'{"count":1}\n{"cou'], msgspec.DecodeError, "in line 2: b'{\"cou'"),
        ([b"not json\n"], msgspec.DecodeError, "in line 1: b'not json'"),
        ([b"\xef\xbb\xbf{}\n"], msgspec.DecodeError, "in line 1: "),
        ([b'{"count":' + b"1" * 5_000 + b"}\n"], msgspec.ValidationError, "in line 1: "),
    ],
    ids=["wrong shape", "cut", "no json", "byte order mark", "too large a number"],
)
def test_a_faulty_line_is_named_in_a_note(pieces: list[bytes], error: type[Exception], note: str) -> None:
    with pytest.raises(error) as raised:
        read(Count, *pieces)
    [found] = raised.value.__notes__
    assert found.startswith(note)
    assert len(found) < 300


def test_a_line_that_is_not_utf_8_is_named_in_a_note() -> None:
    with pytest.raises(UnicodeDecodeError) as raised:
        read(Movie, b'\n{"title":"\xff"}\n')
    assert raised.value.__notes__ == ['in line 2: b\'{"title":"\\xff"}\'']
