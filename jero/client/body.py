"""Decompresses a response's body as it arrives, in small pieces, so that a few bytes cannot fill the memory."""

import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final

import httpx

# A body may have several codings (RFC 9110, section 8.4). Each costs memory.
MAX_CODINGS: Final = 4
# Text shrinks to a tenth, very regular text to a hundredth. The format allows a thousandth.
MAX_EXPANSION: Final = 200
ALWAYS_ALLOWED: Final = 16_777_216
PIECE: Final = 65_536
_HEADER_SIZE: Final = 2

SUPPORTED: Final = ("gzip", "deflate")


class Body:
    """The body of a response: gives its bytes as they were sent, and decompresses them.

    Raises `httpx.DecodingError` if the body has another coding than gzip and deflate, is not valid, or has expanded to
    more than 16 MiB and 200 times its compressed size.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._is_read = _is_read(response)
        self._inflaters = [] if self._is_read else _inflaters(response)
        self._sent = 0
        self._decompressed = 0
        self._chunks: AsyncIterator[bytes] | None = None
        self._chunks_now: Iterator[bytes] | None = None

    def chunks(self) -> AsyncIterator[bytes]:
        """Returns the chunks as they were sent. A second call returns the same iterator, so it goes on."""
        if self._chunks is None:
            self._chunks = self.response.aiter_bytes() if self._is_read else self.response.aiter_raw()
        return self._chunks

    def chunks_now(self) -> Iterator[bytes]:
        """Does the same for a response of a synchronous client."""
        if self._chunks_now is None:
            self._chunks_now = self.response.iter_bytes() if self._is_read else self.response.iter_raw()
        return self._chunks_now

    def decompress(self, chunk: bytes) -> Iterable[bytes]:
        """Returns the decompressed bytes of a chunk in pieces, of at most 64 KiB if the body is compressed."""
        return self._inflate(chunk) if self._inflaters else (chunk,)

    def _inflate(self, chunk: bytes) -> Iterator[bytes]:
        self._sent += len(chunk)
        pieces: Iterator[bytes] = iter((chunk,))
        for inflater in self._inflaters:
            pieces = _through(inflater, pieces)
        try:
            for piece in pieces:
                self._decompressed += len(piece)
                if self._decompressed > max(ALWAYS_ALLOWED, self._sent * MAX_EXPANSION):
                    raise self._expands_too_far()
                yield piece
        except zlib.error as error:
            raise httpx.DecodingError(
                f"The response's body is not valid {self._coding}: {error}.", request=self.response.request
            ) from error

    def end(self) -> None:
        """Raises `httpx.RemoteProtocolError` if the compressed data stopped before its end."""
        if self._sent and not all(inflater.has_ended for inflater in self._inflaters):
            raise httpx.RemoteProtocolError(
                f"The response's body ended inside of its {self._coding} data.", request=self.response.request
            )

    @property
    def _coding(self) -> str:
        return self.response.headers["content-encoding"]

    def _expands_too_far(self) -> httpx.DecodingError:
        return httpx.DecodingError(
            f"The response's body has {self._sent} bytes in {self._coding}, and more than {self._decompressed} "
            f"decompressed: that is over {MAX_EXPANSION} times as many. If you trust the server, send "
            "Accept-Encoding: identity.",
            request=self.response.request,
        )


class _Inflater:
    """Decompresses gzip, with one member or several, or deflate, with or without the zlib header."""

    def __init__(self, coding: str) -> None:
        self._is_gzip = coding == "gzip"
        self._is_new = True
        self._head = b""
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16 if self._is_gzip else zlib.MAX_WBITS)

    @property
    def has_ended(self) -> bool:
        return (self._is_new and not self._head) or self._inflate.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not self.has_ended:
            if self._inflate.eof:
                data = data.lstrip(b"\0") if self._is_gzip else b""  # some servers pad the end
                if not data:
                    return
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
            piece = self._decompress(data)
            if piece:
                yield piece
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if not data and len(piece) < PIECE:  # a full piece may have left output inside
                return

    def _decompress(self, data: bytes) -> bytes:
        if not self._is_new:
            return self._inflate.decompress(data, PIECE)
        self._head += data
        if len(self._head) < _HEADER_SIZE:
            return b""
        head, self._head = self._head, b""
        self._is_new = False
        try:
            return self._inflate.decompress(head, PIECE)
        except zlib.error:
            if self._is_gzip:
                raise
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)  # some servers omit the header
            return self._inflate.decompress(head, PIECE)


def _through(inflater: _Inflater, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from inflater.feed(piece)


def _is_read(response: httpx.Response) -> bool:
    """Returns whether the body is in memory already: an event hook may have read it."""
    try:
        _ = response.content
    except httpx.ResponseNotRead:
        return False
    return True


def _inflaters(response: httpx.Response) -> list[_Inflater]:
    found = [coding.strip().lower() for coding in response.headers.get_list("content-encoding", split_commas=True)]
    codings = [coding.removeprefix("x-") for coding in found if coding not in ("", "identity")]
    if len(codings) > MAX_CODINGS or any(coding not in SUPPORTED for coding in codings):
        raise httpx.DecodingError(
            f"The response's Content-Encoding is {response.headers['content-encoding'][:100]!r}: only gzip and deflate "
            "are read. Have the server send one of them, or no compression.",
            request=response.request,
        )
    return [_Inflater(coding) for coding in reversed(codings)]
