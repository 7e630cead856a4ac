"""Bodies that are read whole: up to a limit, and then decoded."""

import asyncio
import types
from collections.abc import Callable, Generator
from typing import Any, TypeAlias, cast

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
from jero.http.asgi import BODY_HAS_ENDED, SPACE, Message, Receive, Scope, is_disconnect, request_header

BodyReader: TypeAlias = Callable[[Scope, bytes], Any]


async def read_body(scope: Scope, receive: Receive, limit: int, timeout_seconds: float) -> bytes:
    """Returns the whole body, of at most `limit` bytes.

    Raises `ContentTooLarge` as soon as the body is known to be larger, and reads no further. Raises `RequestTimeout` if
    nothing of it arrives for `timeout_seconds`, and `ClientDisconnected` if the client leaves before the end.
    """
    check_content_length(scope, limit)
    first = b""
    parts = bytearray()  # a list would keep an object for each part, of 40 bytes for two bytes of the body
    size = 0
    while True:
        message = await next_part(receive, timeout_seconds)
        if is_disconnect(message):
            raise ClientDisconnected("the client left before its request was read to the end")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            scope[BODY_HAS_ENDED] = not message.get("more_body", False)
            raise too_large(limit)
        if not message.get("more_body", False):
            scope[BODY_HAS_ENDED] = True
            return b"".join((first, parts, chunk)) if first else chunk
        if first:
            parts += chunk
        else:
            first = chunk


async def next_part(receive: Receive, seconds: float) -> Message:
    """Receives a message. Makes a timer only if the message is not there yet, which it is for most requests.

    An empty part does not restart the timer: HTTP/2 has frames without data.
    """
    steps = receive().__await__()
    try:
        waiting = next(steps)
    except StopIteration as stop:
        return cast("Message", stop.value)
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


def check_content_length(scope: Scope, limit: int) -> None:
    """Raises `ContentTooLarge` if Content-Length announces more than `limit` bytes."""
    announced = request_header(scope, b"content-length")
    # A number of 20 digits exceeds every limit. int() would need quadratic time for very long numbers, or refuse them.
    if announced is not None and announced.isdigit() and (len(announced) > 19 or int(announced) > limit):
        raise too_large(limit)


def body_reader(name: str, type_: Any, *, may_be_encoded: bool = False) -> BodyReader:
    """Returns a function that makes the argument called `name` from a request and its body.

    `may_be_encoded`: the request may have a Content-Encoding, because the handler decodes the body, or jero has.
    """
    if name == "content":
        return _content_reader(may_be_encoded=may_be_encoded)
    return _json_reader(type_, may_be_encoded=may_be_encoded)


def content_type(scope: Scope, *, may_be_encoded: bool = False) -> bytes | None:
    """Returns the Content-Type, or `None`. Checks the headers of the body on the way, in one pass over all headers.

    Raises `RepeatedHeader` if Content-Type or Content-Length has several different values. Raises
    `UnsupportedMediaType` if the body has a Content-Encoding (RFC 9110, section 8.4), such as gzip, unless it
    `may_be_encoded`.
    """
    media_type: bytes | None = None
    length: bytes | None = None
    for name, value in scope["headers"]:
        if b"content-" < name < b"content.":  # few names are, so that one comparison is made for the others
            if name == b"content-type":
                media_type = value if media_type is None else _once("Content-Type", media_type, value)
            elif name == b"content-length":
                length = value if length is None else _once("Content-Length", length, value)
            elif name == b"content-encoding" and not may_be_encoded:
                _check_encoding(value)
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


def _content_reader(*, may_be_encoded: bool) -> BodyReader:
    def read(scope: Scope, body: bytes) -> Any:
        content_type(scope, may_be_encoded=may_be_encoded)
        return body

    return read


def _json_reader(type_: Any, *, may_be_encoded: bool) -> BodyReader:
    decode, check = json_decoder(type_).decode, hash_check(type_)

    def read(scope: Scope, body: bytes) -> Any:
        media_type = content_type(scope, may_be_encoded=may_be_encoded)
        if media_type != b"application/json" and not _is_json(essence(media_type)):
            raise unsupported_media_type(media_type, "application/json")
        try:
            if check is not None:
                check(body)
            return decode(body)
        except Exception as error:
            raise refused_body(error, body) from error

    return read


def _is_json(media_type: bytes) -> bool:
    """Returns whether it is `application/json`, or has the suffix `+json` (RFC 6839, section 3.1)."""
    is_suffixed = media_type.startswith(b"application/") and media_type.endswith(b"+json")
    return media_type == b"application/json" or is_suffixed
