"""Refuses a response that is not the stream that was requested: another status or media type, or only a part of it."""

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Self

import httpx
import msgspec

from jero.client.body import Body
from jero.errors import Problem

MAX_BODY_BYTES: Final = 65_536
MAX_BODY_SECONDS: Final = 10.0
MAX_NOTE_CHARACTERS: Final = 1_000
# Of a body of another media type, which may be an endless stream.
MAX_BEGINNING_BYTES: Final = 500
MAX_BEGINNING_SECONDS: Final = 1.0
_SECONDS: Final = re.compile(r"[0-9]{1,15}")
# A comma in a quoted parameter does not separate two media types.
_MEDIA_TYPES: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_ESSENCE: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class RequestRefused(httpx.HTTPStatusError):
    """The error raised if a response's status is not the status of a stream. A note has the beginning of its body.

    `problem`: the problem details (RFC 9457) in the body, `None` if the body is something else.
    `retry_after`: the seconds to wait before the next request, `None` if the response has no valid `Retry-After`.
    `response`: the response, whose body has been read.
    """

    def __init__(self, response: httpx.Response) -> None:
        """Takes a response whose body has been read."""
        self.problem = _problem(response.content)
        self.retry_after = retry_after_seconds(response.headers.get("retry-after", ""), datetime.now(UTC))
        request = response.request
        message = f"{request.method} {request.url} was answered with {response.status_code}"
        if self.problem is not None:
            message = f"{message}: {self.problem.detail or self.problem.title}".removesuffix(".")
        super().__init__(f"{message}.", request=request, response=response)
        if response.content:
            self.add_note(response.text[:MAX_NOTE_CHARACTERS])

    @classmethod
    async def read(cls, response: httpx.Response) -> Self:
        """Reads up to 64 KiB of the body, for up to 10 seconds, and returns the error.

        The body of an error may be endless, slow, or break off. What arrived until then is kept.
        """
        return cls._with_body(response, await _beginning(response, MAX_BODY_BYTES, MAX_BODY_SECONDS))

    @classmethod
    def read_now(cls, response: httpx.Response) -> Self:
        """Reads up to 64 KiB of the body of a response of a synchronous client, and returns the error."""
        return cls._with_body(response, _beginning_now(response, MAX_BODY_BYTES))

    @classmethod
    def _with_body(cls, response: httpx.Response, content: bytes) -> Self:
        return cls(_with_content(response, content))


class StreamCut(httpx.RemoteProtocolError):
    """The error raised if a stream ended before its end.

    `received`: the number of items that arrived before.
    """

    def __init__(self, message: str, *, received: int, request: httpx.Request) -> None:
        super().__init__(message, request=request)
        self.received = received


def cut(error: httpx.TransportError, received: int, request: httpx.Request) -> StreamCut:
    """Returns the error of a stream whose connection raised `error` after `received` items."""
    items = "1 item" if received == 1 else f"{received} items"
    return StreamCut(
        f"The stream was cut after {items}: {str(error) or 'the connection broke.'}", received=received, request=request
    )


async def check_media_type(response: httpx.Response, *media_types: str) -> None:
    """Raises `httpx.DecodingError` unless the response has one of `media_types`, which are in lower case.

    Some services answer errors with 200. So a note of the error has the beginning of the body: up to 500 bytes, as far
    as they arrive within a second. The message has none of it, since a gateway may pass the message on.
    """
    found = _media_type_of(response)
    if found not in media_types:
        content = await _beginning(response, MAX_BEGINNING_BYTES, MAX_BEGINNING_SECONDS)
        raise _other_media_type(response, found, media_types, content)


def check_media_type_now(response: httpx.Response, *media_types: str) -> None:
    """Does the same for a response of a synchronous client, whose read timeout bounds the time."""
    found = _media_type_of(response)
    if found not in media_types:
        raise _other_media_type(response, found, media_types, _beginning_now(response, MAX_BEGINNING_BYTES))


def _media_type_of(response: httpx.Response) -> str:
    return media_type(", ".join(response.headers.get_list("content-type")))


def _other_media_type(
    response: httpx.Response, found: str, expected: tuple[str, ...], content: bytes
) -> httpx.DecodingError:
    message = f"The response's Content-Type is {found!r}, not {' or '.join(expected)}."
    error = httpx.DecodingError(message, request=response.request)
    if content:
        error.add_note(f"The body begins with: {_with_content(response, content).text}")
    return error


def media_type(content_type: str) -> str:
    """Returns the media type of a `Content-Type`, in lower case and without parameters.

    Proxies repeat the header, or add their own type to it. Of several valid types the last counts, as in browsers
    (Fetch standard, "extract a MIME type"). Returns the text before the first `;` if no type is valid.
    """
    found = [text.partition(";")[0].strip(" \t\r\n").lower() for text in _MEDIA_TYPES.findall(content_type)]
    valid = [text for text in found if _ESSENCE.fullmatch(text) and text != "*/*"]
    return valid[-1] if valid else "".join(found[:1])


def retry_after_seconds(retry_after: str, now: datetime) -> float | None:
    """Returns the seconds from `now` that a `Retry-After` header sets (RFC 9110, section 10.2.3).

    The value is a number of seconds or a date. Returns `None` if the value is neither. The result may be longer than a
    program should wait.
    """
    if _SECONDS.fullmatch(retry_after):
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
        return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


async def _beginning(response: httpx.Response, max_bytes: int, max_seconds: float) -> bytes:
    """Returns the first bytes of a body, as far as they arrive within `max_seconds`."""
    found = bytearray()
    with suppress(httpx.RequestError, TimeoutError):
        async with asyncio.timeout(max_seconds):
            body = Body(response)
            async for chunk in body.chunks():
                if _append(body.decompress(chunk), found, max_bytes):
                    break
    return bytes(found)


def _beginning_now(response: httpx.Response, max_bytes: int) -> bytes:
    found = bytearray()
    with suppress(httpx.RequestError):
        body = Body(response)
        for chunk in body.chunks_now():
            if _append(body.decompress(chunk), found, max_bytes):
                break
    return bytes(found)


def _append(pieces: Iterable[bytes], found: bytearray, max_bytes: int) -> bool:
    """Appends the pieces to `found`, up to `max_bytes`. Returns whether `found` is full."""
    for piece in pieces:
        found += piece[: max_bytes - len(found)]
        if len(found) == max_bytes:
            return True
    return False


def _with_content(response: httpx.Response, content: bytes) -> httpx.Response:
    """Returns the response with a body that is in memory."""
    headers = httpx.Headers(response.headers)
    for name in ("content-encoding", "content-length", "transfer-encoding"):  # these describe the whole body
        headers.pop(name, None)
    return httpx.Response(response.status_code, headers=headers, content=content, request=response.request)


def _problem(content: bytes) -> Problem | None:
    try:
        return msgspec.json.decode(content, type=Problem)
    except (ValueError, RecursionError):
        return None
