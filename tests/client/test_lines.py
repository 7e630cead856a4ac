import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.client.lines import LineReader
from tests.client.cuts import chunks

TEXT = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\x0b", b"\x85", b"\xe2\x80\xa8"]), max_size=12).map(
    b"".join
)


def fed(pieces: list[bytes], *, universal: bool) -> list[bytes]:
    reader = LineReader(universal=universal)
    return [line for piece in pieces for line in reader.feed(piece)]


@given(pieces=chunks(TEXT))
def test_lines_end_at_lf_alone(pieces: list[bytes]) -> None:
    reader = LineReader()
    lines = [line for piece in pieces for line in reader.feed(piece)]
    assert [*lines, reader.end()] == b"".join(pieces).split(b"\n")


@given(pieces=chunks(TEXT))
def test_the_lines_of_an_event_stream_end_at_crlf_cr_and_lf(pieces: list[bytes]) -> None:
    *ended, _ = re.split(rb"\r\n|\r|\n", b"".join(pieces))
    assert fed(pieces, universal=True) == ended


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
def test_a_cr_ends_its_line_at_once_wherever_the_chunk_ends(pieces: list[bytes], lines: list[bytes]) -> None:
    assert fed(pieces, universal=True) == lines


@pytest.mark.parametrize("universal", [False, True])
def test_a_long_line_in_small_chunks_is_not_copied_with_each_of_them(*, universal: bool) -> None:
    reader = LineReader(universal=universal)
    for _ in range(400_000):  # 80 GB of copies, if each chunk were one
        assert not reader.feed(b"a")
    assert reader.feed(b"\n") == [b"a" * 400_000]
