"""A response that is not the stream that was asked for."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Self

import httpx
import msgspec

from jero.errors import Problem

BODY_BYTES: Final = 65_536
NOTE_LETTERS: Final = 1_000
_SECONDS: Final = re.compile(r"[0-9]{1,15}")


class RequestRefused(httpx.HTTPStatusError):
    """The request was answered with another status than a stream has; the body's beginning is its note.

    `problem`: what the server says of it, `None` where the body is no problem of RFC 9457.
    `retry_after`: the seconds after which to ask again, `None` where the server names none.
    """

    def __init__(self, response: httpx.Response) -> None:
        """Takes a response that has been read."""
        self.problem = _problem(response.content)
        self.retry_after = seconds_to(response.headers.get("retry-after", ""), datetime.now(UTC))
        request = response.request
        message = f"{request.method} {request.url} was answered with {response.status_code}"
        if self.problem is not None:
            message = f"{message}: {self.problem.detail or self.problem.title}".removesuffix(".")
        super().__init__(f"{message}.", request=request, response=response)
        if response.content:
            self.add_note(response.text[:NOTE_LETTERS])

    @classmethod
    async def read(cls, response: httpx.Response) -> Self:
        """Reads as much of the body as comes, up to 64 KiB: an error too may be cut, stalled or endless."""
        body = bytearray()
        with suppress(httpx.RequestError):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) >= BODY_BYTES:
                    break
        headers = httpx.Headers(response.headers)
        for name in ("content-encoding", "content-length", "transfer-encoding"):  # true of the whole alone
            headers.pop(name, None)
        content = bytes(body[:BODY_BYTES])
        return cls(httpx.Response(response.status_code, headers=headers, content=content, request=response.request))


def check_media_type(response: httpx.Response, *media_types: str) -> None:
    """Raises `httpx.DecodingError` where the response's is none of those given."""
    found = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in media_types:
        raise httpx.DecodingError(
            f"The response is {found!r}, not {' or '.join(media_types)}.", request=response.request
        )


def seconds_to(retry_after: str, now: datetime) -> float | None:
    """What a `Retry-After` asks for, as seconds or as a date (RFC 9110, section 10.2.3)."""
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
