"""The readers keep a bounded part of a line or an event without an end, counted in bytes."""

import itertools
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero import ServerSentEvent
from jero.client.readers import EventReader, LineReader, NDJSONReader
from tests.client.cuts import chunks


@pytest.mark.parametrize("universal", [False, True])
@given(pieces=chunks(st.lists(st.sampled_from([b"a", b"aa", b"\n"]), max_size=20).map(b"".join)))
def test_lines_up_to_the_limit_are_split_however_the_bytes_are_cut(pieces: list[bytes], *, universal: bool) -> None:
    reader = LineReader(universal=universal, max_bytes=3)
    found = [line for piece in pieces for line in reader.feed(piece)]
    *whole, rest = b"".join(pieces).split(b"\n")
    expected = list(itertools.takewhile(lambda line: len(line) <= 3, whole))
    assert found == expected
    assert reader.is_over == (len(expected) < len(whole) or len(rest) > 3)


@pytest.mark.parametrize("piece", [b"1\n22\n333333\n", b"1\n22\n333333"])
def test_the_items_before_a_line_that_is_too_long_are_yielded(piece: bytes) -> None:
    reader = NDJSONReader(int, max_item_bytes=5)
    found: list[int] = []
    with pytest.raises(
        msgspec.DecodeError, match=r"^Line 3 of the stream has more than 5 bytes\. If .* max_item_bytes\.$"
    ):
        found.extend(reader.feed(piece))
    assert found == [1, 22]


def test_an_endless_line_is_not_kept() -> None:
    reader = NDJSONReader(int, max_item_bytes=100_000)
    fed: list[int] = []
    tracemalloc.start()
    try:
        with pytest.raises(msgspec.DecodeError, match="Line 1 of the stream has more than 100000 bytes"):
            fed.extend(len(list(reader.feed(b"1" * 1_000))) for _ in range(10_000))
        assert len(fed) == 100
        with pytest.raises(msgspec.DecodeError, match="Line 1 of the stream"):
            list(reader.feed(b"1" * 1_000))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("line", [b"data: aaaa\n", b"data\n", b"data: \r"])
def test_an_endless_event_is_refused(line: bytes) -> None:
    reader = EventReader(str, max_item_bytes=1_000)
    fed: list[int] = []
    words = r"^The data of an event has more than 1000 bytes\. .* max_item_bytes"
    with pytest.raises(msgspec.DecodeError, match=words):
        fed.extend(len(list(reader.feed(line))) for _ in range(1_000))
    assert sum(fed) == 0
    assert len(fed) < 300


def test_a_line_of_an_event_that_is_too_long_is_refused_after_the_events_before_it() -> None:
    reader = EventReader(str, max_item_bytes=10)
    found: list[ServerSentEvent[str]] = []
    with pytest.raises(msgspec.DecodeError, match=r"^A line of the stream has more than 10 bytes\. .* max_item_bytes"):
        found.extend(reader.feed(b"data: a\n\n: comment that is long"))
    assert [event.data for event in found] == ["a"]


def test_many_events_and_pings_do_not_count_together() -> None:
    reader = EventReader(str, max_item_bytes=20)
    found = [event for _ in range(100) for event in reader.feed(b": ping\n\ndata: aaaaaa\n\n")]
    assert len(found) == 100
