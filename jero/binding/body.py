"""Bodies that are read whole: up to a limit, and then decoded."""

import asyncio
import types
from collections.abc import Callable, Generator
from typing import Any, Final, Protocol, cast

from jero.binding.faults import (
    refused_body,
    repeated_header,
    silent_body,
    too_large,
    unsupported_encoding,
    unsupported_media_type,
)
from jero.binding.hashes import hash_check
from jero.codec import json_decoder
from jero.errors import ClientDisconnected
from jero.http.asgi import BODY_HAS_ENDED, SPACE, Message, Receive, Scope, is_disconnect

_COROUTINE: Final[Any] = types.CoroutineType


class Reader(Protocol):
    """Reads a whole body, and makes an argument of it."""

    async def read(self, scope: Scope, receive: Receive) -> Any:
        """Returns the argument. Raises an `HTTPError` if the body is refused."""


class BodyReader:
    """Reads the bodies of one operation as the argument called `name`, of the type `type_`.

    `limit`: in bytes. `timeout_seconds`: how long a body may be silent. `may_be_encoded`: a Content-Encoding is not
    refused, because the handler decodes the body, or jero has.
    """

    def __init__(
        self, name: str, type_: Any, limit: int, timeout_seconds: float, *, may_be_encoded: bool = False
    ) -> None:
        self._is_json = name == "json"
        self._decode = _json_decoder(type_) if self._is_json else _unchanged
        self._limit = limit
        self._timeout_seconds = timeout_seconds
        self._may_be_encoded = may_be_encoded

    async def read(self, scope: Scope, receive: Receive) -> Any:
        """Returns the argument. The headers of the body are checked before anything of it is read.

        Raises `ContentTooLarge` as soon as the body is known to be larger than the limit, and reads no further. Raises
        as `content_type` and the decoder do, `UnsupportedMediaType` if the body has another type than the argument,
        `RequestTimeout` if nothing of it arrives in time, and `ClientDisconnected` if the client leaves before the end.
        """
        media_type = content_type(scope, self._limit, may_be_encoded=self._may_be_encoded)
        if self._is_json and media_type != b"application/json" and not _is_json(essence(media_type)):
            raise unsupported_media_type(media_type, "application/json")
        parts: bytearray | None = None  # a list would keep an object for each part, of 40 bytes for two of the body
        size = 0
        while True:
            message = await next_part(receive, self._timeout_seconds)
            part: bytes = message.get("body", b"")
            if not part and is_disconnect(message):
                raise ClientDisconnected("the client left before its request was read to the end")
            has_ended = scope[BODY_HAS_ENDED] = not message.get("more_body", False)
            size += len(part)
            if size > self._limit:
                raise too_large(self._limit)
            if has_ended:
                return self._decode(b"".join((parts, part)) if parts else part)
            if parts is None:
                parts = bytearray()
            parts += part


async def next_part(receive: Receive, seconds: float) -> Message:
    """Receives a message. Makes a timer only if the message is not there yet, which it is for most requests.

    An empty part does not restart the timer: HTTP/2 has frames without data.
    """
    steps: Any = receive()
    try:
        if isinstance(steps, _COROUTINE):  # its own step costs less than one of its iterator
            waiting = steps.send(None)
        else:
            steps = steps.__await__()
            waiting = next(steps)
    except StopIteration as stop:
        message: Message = stop.value
        return message
    try:
        async with asyncio.timeout(seconds):
            message = await _rest(steps, waiting)
            while not message.get("body") and message.get("more_body", False):
                message = await receive()
            return message
    except TimeoutError:
        raise silent_body(seconds) from None


@types.coroutine
def _rest(steps: Generator[Any, Any, Message], waiting: Any) -> Generator[Any, Any, Message]:
    """Awaits what has yielded `waiting` in its first step."""
    while True:
        try:
            yield waiting
            break
        except BaseException as error:
            throw = getattr(steps, "throw", None)
            if throw is None:  # the awaitable of a server in another language
                raise
            try:
                waiting = throw(error)
            except StopIteration as stop:
                return cast("Message", stop.value)
    return (yield from steps)


def content_type(scope: Scope, limit: int, *, may_be_encoded: bool = False) -> bytes | None:
    """Returns the Content-Type, or `None`. Checks the headers of the body on the way, in one pass over all headers.

    Raises `RepeatedHeader` if Content-Type or Content-Length has several different values, and `ContentTooLarge` if
    Content-Length announces more than `limit` bytes. Raises `UnsupportedMediaType` if the body has a Content-Encoding
    (RFC 9110, section 8.4), such as gzip, unless it `may_be_encoded`.
    """
    media_type: bytes | None = None
    length: bytes | None = None
    for name, value in scope["headers"]:
        if b"content." > name > b"content-":  # few names are, and one comparison is enough for most of the others
            if name == b"content-type":
                media_type = value if media_type is None else _once("Content-Type", media_type, value)
            elif name == b"content-length":
                length = value if length is None else _once("Content-Length", length, value)
            elif name == b"content-encoding" and not may_be_encoded:
                _check_encoding(value)
    # A number of 20 digits exceeds every limit. int() would need quadratic time for very long numbers, or refuse them.
    if length is not None and length.isdigit() and (len(length) > 19 or int(length) > limit):
        raise too_large(limit)
    return media_type


def _once(name: str, first: bytes, second: bytes) -> bytes:
    """Returns the value of a header that was sent with two values. Raises `RepeatedHeader` if they differ."""
    if first.strip(SPACE) != second.strip(SPACE):
        raise repeated_header(name)
    return first


def _check_encoding(codings: bytes) -> None:
    """Raises `UnsupportedMediaType` if a Content-Encoding, which is a list, names more than `identity`."""
    if any(coding.strip(SPACE).lower() not in (b"", b"identity") for coding in codings.split(b",")):
        raise unsupported_encoding(codings)


def essence(media_type: bytes | None) -> bytes:
    """Returns the media type of a Content-Type in lower case, without its parameters."""
    return (media_type or b"").partition(b";")[0].strip().lower()


def _json_decoder(type_: Any) -> Callable[[bytes], Any]:
    decode, check = json_decoder(type_).decode, hash_check(type_)

    def decode_or_refuse(body: bytes) -> Any:
        try:
            if check is not None:
                check(body)
            return decode(body)
        except Exception as error:
            raise refused_body(error, body) from error

    return decode_or_refuse


def _unchanged(body: bytes) -> bytes:
    return body


def _is_json(media_type: bytes) -> bool:
    """Returns whether it is `application/json`, or has the suffix `+json` (RFC 6839, section 3.1)."""
    is_suffixed = media_type.startswith(b"application/") and media_type.endswith(b"+json")
    return media_type == b"application/json" or is_suffixed
