"""Compressed bodies are decompressed as they arrive, in small pieces, and refused if they expand too far."""

import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.client.body import ALWAYS_ALLOWED, MAX_EXPANSION, PIECE, Body
from tests.client.cuts import chunks

REQUEST = httpx.Request("GET", "http://testserver/")


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def in_members(data: bytes) -> bytes:
    return gzip.compress(data[:2]) + gzip.compress(b"") + gzip.compress(data[2:]) + bytes(7)


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "none": ("", bytes),
    "identity": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-Gzip", gzip.compress),
    "several members": ("gzip", in_members),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "twice": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
}
each_coding = pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)


class Sent(httpx.SyncByteStream):
    """The bytes of a response, which have not been read."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


def body_of(coding: str, *pieces: bytes) -> Body:
    headers = {"Content-Encoding": coding} if coding else {}
    return Body(httpx.Response(200, headers=headers, stream=Sent(pieces), request=REQUEST))


def read(coding: str, *pieces: bytes) -> bytes:
    body = body_of(coding, *pieces)
    found = b"".join(piece for chunk in body.chunks_now() for piece in body.decompress(chunk))
    body.end()
    return found


@each_coding
@given(data=st.data())
def test_a_body_is_read_back_however_the_bytes_are_cut(
    coding: tuple[str, Callable[[bytes], bytes]], data: st.DataObject
) -> None:
    name, compress = coding
    text = data.draw(st.binary(max_size=40) | st.integers(1, 300_000).map(bytes))
    compressed = compress(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(compressed)), max_size=6)))
    pieces = [compressed[start:end] for start, end in zip([0, *cuts], [*cuts, len(compressed)], strict=True)]
    assert read(name, *pieces) == text


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, raw_deflate, in_members])
def test_a_body_is_read_back_cut_at_every_offset(compress: Callable[[bytes], bytes]) -> None:
    text = b'{"number":1}\n' * 5
    compressed = compress(text)
    coding = "deflate" if compress in (zlib.compress, raw_deflate) else "gzip"
    for at in range(len(compressed)):
        assert read(coding, compressed[:at], compressed[at:]) == text


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate, gzip"])
@given(pieces=chunks(st.binary(max_size=60)))
def test_bytes_that_are_not_compressed_raise_an_error_of_httpx(coding: str, pieces: list[bytes]) -> None:
    try:
        read(coding, *pieces)
    except (httpx.DecodingError, httpx.RemoteProtocolError) as error:
        assert str(error)  # noqa: PT017 - some bytes are valid by chance


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, raw_deflate])
def test_compressed_data_that_is_cut_raises_an_error(compress: Callable[[bytes], bytes]) -> None:
    compressed = compress(b"1\n" * 100)
    coding = "gzip" if compress is gzip.compress else "deflate"
    assert read(coding) == b""
    for length in range(1, len(compressed)):
        with pytest.raises(
            httpx.RemoteProtocolError, match=rf"^The response's body ended inside of its {coding} data\."
        ):
            read(coding, compressed[:length])


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "compress", "gzip, gzip, gzip, gzip, gzip"])
def test_a_coding_that_cannot_be_bounded_is_refused(coding: str) -> None:
    with pytest.raises(httpx.DecodingError, match=rf"^The response's Content-Encoding is '{coding}': only gzip and"):
        body_of(coding)


def bomb(size: int, *, times: int = 1) -> bytes:
    data = gzip.compress(bytes(size), mtime=0)
    for _ in range(times - 1):
        data = gzip.compress(data, mtime=0)
    return data


@pytest.mark.parametrize("times", [1, 2])
def test_a_body_that_expands_too_far_is_refused_in_small_pieces(times: int) -> None:
    pieces: list[int] = []
    body = body_of(", ".join(["gzip"] * times))
    words = rf"in gzip.*, and more than \d+ decompressed: .* {MAX_EXPANSION} times"
    with pytest.raises(httpx.DecodingError, match=words):
        pieces.extend(len(piece) for piece in body.decompress(bomb(4 * ALWAYS_ALLOWED, times=times)))
    assert max(pieces) <= PIECE
    assert sum(pieces) <= ALWAYS_ALLOWED


def test_a_small_body_may_expand_as_far_as_the_format_allows() -> None:
    assert len(read("gzip", bomb(ALWAYS_ALLOWED))) == ALWAYS_ALLOWED


def test_a_large_body_of_ordinary_text_is_read() -> None:
    text = b"".join(b'{"number":%d,"title":"a movie"}\n' % number for number in range(700_000))
    assert len(text) > ALWAYS_ALLOWED
    assert read("gzip", gzip.compress(text, 6)) == text


async def test_a_body_that_has_been_read_is_not_decompressed_again() -> None:
    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(b"1\n"), request=REQUEST)
    body = Body(response)
    assert [piece for chunk in body.chunks_now() for piece in body.decompress(chunk)] == [b"1\n"]
    assert [piece async for chunk in body.chunks() for piece in body.decompress(chunk)] == [b"1\n"]
    body.end()


async def test_an_asynchronous_body_is_decompressed() -> None:
    async def sent() -> AsyncIterator[bytes]:
        yield gzip.compress(b"1\n")

    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=sent(), request=REQUEST)
    body = Body(response)
    assert [piece async for chunk in body.chunks() for piece in body.decompress(chunk)] == [b"1\n"]
