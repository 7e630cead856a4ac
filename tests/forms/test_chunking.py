"""However a body is cut into parts, the same is read; and a body that is cut short is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.forms.bodies import field, file, multipart, read_multipart, read_urlencoded

# Pieces of which a parser could mistake some for a boundary, in particular at the edges of a chunk.
PIECES = [
    *(
        b"\r\n--edge",
        b"\r\n--edge\r\n",
        b"\r\n--edge--",
        b"--edge",
        b"--edge\r\n",
        b"\r\n--edge \t\r\n",
        b"\r\n--edgeX",
    ),
    *(
        b"\r\n--edge-",
        b"\r\n--ed",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"-",
        b"--",
        b" ",
        b":",
        b"a",
        b"\xc3\xa9",
        b"\xff",
    ),
    *(b'Content-Disposition: form-data; name="text"\r\n', b'Content-Disposition: form-data; name="file"; filename="a"'),
    *(b"Content-Type: text/plain; charset=utf-8", b"A: b\r\n", b"preamble", b"\x00"),
]
BOUNDARY = re.compile(rb"\r\n--edge(\r\n|--|[ \t])")
QUERY = [b"&", b"=", b"+", b"%", b"%4", b"%41", b"%C3%A9", b"%ff", b"text", b"texts", b"a", b"&&", b"\xc3\xa9", b";"]


def cut(body: bytes, places: list[int]) -> list[bytes]:
    """Returns the body in parts, of which some may be empty."""
    ends = sorted(place % (len(body) + 1) for place in places)
    return [body[start:end] for start, end in zip([0, *ends], [*ends, len(body)], strict=True)]


def single(body: bytes) -> list[bytes]:
    return [body[place : place + 1] for place in range(len(body))]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), st.lists(st.integers(0, 1_000), max_size=8))
def test_any_body_is_read_alike_however_it_is_cut(rest: bytes, places: list[int]) -> None:
    for body in (rest, b"--edge\r\n" + rest, b"--edge\r\n" + field(b"text", rest)):
        whole = read_multipart([body])
        assert read_multipart(cut(body, places)) == whole
        assert read_multipart(single(body)) == whole


@given(st.lists(st.sampled_from(QUERY), max_size=20).map(b"".join), st.lists(st.integers(0, 1_000), max_size=8))
def test_a_query_is_read_alike_however_it_is_cut(body: bytes, places: list[int]) -> None:
    whole = read_urlencoded([body])
    assert read_urlencoded(cut(body, places)) == whole
    assert read_urlencoded(single(body)) == whole


@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join), min_size=1, max_size=4),
    st.lists(st.integers(0, 1_000), max_size=6),
)
def test_what_was_sent_is_read(contents: list[bytes], places: list[int]) -> None:
    sent = [content for content in contents if not BOUNDARY.search(content + b"\r\n--edge")]
    body = multipart(*(file(b"files", b"a.csv", content) for content in sent))
    assert read_multipart(cut(body, places)) == [("files", ("a.csv", "text/csv", content)) for content in sent]


BODY = multipart(field(b"text", b"caf\xc3\xa9"), file(b"file", b"a.csv", b"1\r\n2\r\n--edg"), field(b"texts", b""))


def test_a_body_is_complete_at_its_last_boundary() -> None:
    assert len(read_multipart([BODY])) == 3
    assert read_multipart([BODY, b"\r\n"]) == read_multipart([BODY])


@pytest.mark.parametrize("end", range(len(BODY)))
def test_a_body_that_is_cut_short_is_refused(end: int) -> None:
    status, _ = read_multipart([BODY[:end]])
    assert status == 400
