"""Decodes request bodies that have a Content-Encoding (RFC 9110, section 8.4), as they arrive.

`DecodedBody` stands between a reader of the body and the server's `receive`, so that bodies are decoded in one place,
however they are read. Its memory does not depend on the body: a part that would decode to a gigabyte is decoded piece
by piece, and only if somebody reads it. Between two pieces other requests have their turn.
"""

import asyncio
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from jero.binding.body import Reader
from jero.binding.faults import malformed_encoding, too_large, too_large_between, unsupported_encoding
from jero.errors import HTTPError
from jero.http.asgi import BODY_HAS_ENDED, SPACE, Message, Receive, Scope, is_disconnect

# At most so much is decoded at once, and so much comes out. A decoder copies what it has not used of its data: of data
# in small pieces that is little.
_DATA_BYTES: Final = 16_384
_PIECE_BYTES: Final = 65_536
# A body that is encoded three times could keep a processor busy for minutes with a few kilobytes.
MOST_CODINGS: Final = 2
# So could one that is encoded twice, if there are members of gzip without data between the two codings. There are never
# more bytes than this many, or this many times what was sent: encoded data hardly shrinks if it is encoded again.
BETWEEN_BYTES: Final = 1_048_576
BETWEEN_TIMES: Final = 4
# For zlib.decompressobj: the format of gzip, and that of zlib.
_WINDOW_BITS: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_ALIASES: Final = {"x-gzip": "gzip"}  # RFC 9110, section 8.4.1.3


def codings_of(scope: Scope, accepted: Sequence[str]) -> list[str]:
    """Returns the codings of a request's body, in the order in which they were applied. `identity` is not one of them.

    Raises `UnsupportedMediaType` if one of them is not `accepted`, or if there are more than `MOST_CODINGS`.
    """
    lines = [value for name, value in scope["headers"] if name == b"content-encoding"]
    if not lines:
        return []
    found = b",".join(lines)
    names = [name.strip(SPACE).lower().decode("latin-1") for name in found.split(b",")]
    codings = [_ALIASES.get(name, name) for name in names if name not in ("", "identity")]
    if len(codings) > MOST_CODINGS or not set(codings).issubset(accepted):
        raise unsupported_encoding(found, accepted)
    return codings


def decoded_body(scope: Scope, receive: Receive, accepted: Sequence[str], limit: int | None) -> "DecodedBody | None":
    """Returns the body without its codings, or `None` if it has none. Raises as `codings_of` does."""
    codings = codings_of(scope, accepted)
    return DecodedBody(receive, codings, limit) if codings else None


class DecodingReader:
    """Reads whole bodies that may have some of the `accepted` codings: `reader` gets them without those.

    `limit`: the bytes that a body may have as it is sent.
    """

    def __init__(self, reader: Reader, accepted: Sequence[str], limit: int) -> None:
        self._reader = reader
        self._accepted = accepted
        self._limit = limit

    async def read(self, scope: Scope, receive: Receive) -> Any:
        """Returns the argument. Raises an `HTTPError` if the body is refused, or is not what its headers say."""
        decoded = decoded_body(scope, receive, self._accepted, self._limit)
        if decoded is None:
            return await self._reader.read(scope, receive)
        try:
            return await self._reader.read(scope, decoded.receive)
        finally:
            if decoded.has_ended is not None:
                scope[BODY_HAS_ENDED] = decoded.has_ended


class DecodedBody:
    """The body of a request without its `codings`. `receive` returns its parts, as the `receive` of ASGI does.

    `limit`: the bytes that the body may have as it is sent, and between two codings. `has_ended`: all of the body has
    arrived; `None` as long as nothing has.
    """

    def __init__(self, receive: Receive, codings: Sequence[str], limit: int | None) -> None:
        self._receive = receive
        self._limit = limit
        self._decoders = [_Decoder(coding) for coding in reversed(codings)]
        self._pieces: Iterator[bytes] = iter(())
        self._size = 0
        self._is_over = False
        self.has_ended: bool | None = None

    async def receive(self) -> Message:
        """Returns the next part of the body, and after its end what the server reports.

        Raises `MalformedRequest` if the body is not what its Content-Encoding says, and `ContentTooLarge` if it is
        larger than the limit, or is too large between two codings. What the client sends after that has no content.
        """
        while not self._is_over:
            try:
                piece = next(self._pieces, None)
                if piece is None and self.has_ended:
                    self._check_end()
            except HTTPError:
                self._is_over = True
                raise
            if piece:
                return {"type": "http.request", "body": piece, "more_body": True}
            if piece is not None:
                await asyncio.sleep(0)
            elif self.has_ended:
                self._is_over = True
                return {"type": "http.request", "body": b"", "more_body": False}
            else:
                message = await self._next_message()
                if is_disconnect(message):
                    return message
        message = await self._next_message()
        return message if is_disconnect(message) else {**message, "body": b""}

    async def _next_message(self) -> Message:
        message = await self._receive()
        if is_disconnect(message):
            return message
        body: bytes = message.get("body", b"")
        self._size += len(body)
        self.has_ended = not message.get("more_body", False)
        if self._limit is not None and self._size > self._limit and not self._is_over:
            self._is_over = True
            raise too_large(self._limit)
        self._pieces = iter((body,))
        most = max(BETWEEN_BYTES, BETWEEN_TIMES * self._size)
        for decoder in self._decoders:
            self._pieces = decoder.decoded(self._pieces, most if self._limit is None else min(most, self._limit))
        return message

    def _check_end(self) -> None:
        for decoder in self._decoders:
            decoder.check_end()


class _Decoder:
    """Decodes one coding. Data of gzip may have several members (RFC 1952, section 2.2), data of deflate has one."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._size = 0
        self._zlib: Any = zlib.decompressobj(_WINDOW_BITS[coding])

    def decoded(self, pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
        """Yields the decoded data in pieces. An empty one is a pause: there is more to do than one turn's work.

        Raises `MalformedRequest` if the data is not of the coding, and `ContentTooLarge` if the decoder gets more than
        `most` bytes.
        """
        for piece in pieces:
            self._size += len(piece)
            if self._size > most:
                raise too_large_between(most)
            if not piece:
                yield piece
            for start in range(0, len(piece), _DATA_BYTES):
                if start:
                    yield b""
                yield from self._decoded(piece[start : start + _DATA_BYTES])

    def check_end(self) -> None:
        """Raises `MalformedRequest` if the data has no end."""
        if not self._zlib.eof:
            raise malformed_encoding(self._coding, "ends before")

    def _decoded(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._zlib.eof:
                self._begin_again()
            try:
                piece = self._zlib.decompress(data, _PIECE_BYTES)
            except zlib.error:
                raise malformed_encoding(self._coding, "is not") from None
            if piece:
                yield piece
            data = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            # What fills a piece may not be all that zlib makes of data that it has taken already.
            if not data and (self._zlib.eof or len(piece) < _PIECE_BYTES):
                return
            yield b""

    def _begin_again(self) -> None:
        if self._coding != "gzip":
            raise malformed_encoding(self._coding, "goes on after")
        self._zlib = zlib.decompressobj(_WINDOW_BITS[self._coding])
