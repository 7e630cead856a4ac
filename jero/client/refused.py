"""Refuses a response that is not the stream that was requested: another status, or another media type."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Self

import httpx
import msgspec

from jero.errors import Problem

MAX_BODY_BYTES: Final = 65_536
MAX_NOTE_CHARACTERS: Final = 1_000
_SECONDS: Final = re.compile(r"[0-9]{1,15}")


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
        """Reads up to 64 KiB of the body, and returns the error.

        The body of an error may be endless, or break off. What arrived until then is kept.
        """
        body = bytearray()
        with suppress(httpx.RequestError):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) >= MAX_BODY_BYTES:
                    break
        headers = httpx.Headers(response.headers)
        for name in ("content-encoding", "content-length", "transfer-encoding"):  # these describe the whole body
            headers.pop(name, None)
        content = bytes(body[:MAX_BODY_BYTES])
        return cls(httpx.Response(response.status_code, headers=headers, content=content, request=response.request))


def check_media_type(response: httpx.Response, *media_types: str) -> None:
    """Raises `httpx.DecodingError` unless the response has one of `media_types`, which are in lower case."""
    found = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in media_types:
        raise httpx.DecodingError(
            f"The response's Content-Type is {found!r}, not {' or '.join(media_types)}.", request=response.request
        )


def retry_after_seconds(retry_after: str, now: datetime) -> float | None:
    """Returns the seconds from `now` that a `Retry-After` header sets (RFC 9110, section 10.2.3).

    The value is a number of seconds or a date. Returns `None` if the value is neither.
    """
    if _SECONDS.fullmatch(retry_after):
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())


def _problem(content: bytes) -> Problem | None:
    try:
        return msgspec.json.decode(content, type=Problem)
    except (ValueError, RecursionError):
        return None
