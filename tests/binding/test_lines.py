import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.binding.incoming import BoundedLines
from tests.client.cuts import chunks

TEXT = st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"a", b"bcd", b"\x0b\xe2\x80\xa8"]), max_size=12).map(b"".join)


@given(pieces=chunks(TEXT))
def test_only_lf_ends_a_line(pieces: list[bytes]) -> None:
    lines = BoundedLines(1_000)
    found = [line for piece in pieces for line in lines.feed(piece)]
    assert [*found, lines.end()] == b"".join(pieces).split(b"\n")
    assert not lines.is_over


@given(pieces=chunks(TEXT), limit=st.integers(1, 5))
def test_the_lines_before_a_line_over_the_limit_are_returned_and_none_after_it(pieces: list[bytes], limit: int) -> None:
    lines = BoundedLines(limit)
    found: list[bytes] = []
    for piece in pieces:
        found += lines.feed(piece)
        if lines.is_over:
            break
    expected = b"".join(pieces).split(b"\n")
    short = next((index for index, line in enumerate(expected) if len(line) > limit), len(expected))
    assert lines.is_over == (short < len(expected))
    assert found == expected[: min(short, len(expected) - 1)]


@pytest.mark.parametrize("piece", [b"a", b"ab"])
def test_a_long_line_is_not_copied_with_each_of_its_parts(piece: bytes) -> None:
    lines = BoundedLines(2_000_000)
    for _ in range(400_000):  # copying the line with each part would copy 80 GB
        assert not lines.feed(piece)
    assert lines.feed(b"\n") == [piece * 400_000]


def test_the_limit_applies_to_a_line_and_not_to_a_part() -> None:
    lines = BoundedLines(2)
    assert lines.feed(b"ab\ncd\nef\ng") == [b"ab", b"cd", b"ef"]
    assert lines.end() == b"g"
    assert not lines.is_over
