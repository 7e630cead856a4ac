"""What both clients do with a response before its items are read."""

from typing import Any, Final

import httpx

NDJSON_ACCEPT: Final = {"Accept": "application/x-ndjson"}
SSE_ACCEPT: Final = {"Accept": "text/event-stream"}


def check_response(response: httpx.Response, *media_types: str) -> None:
    """Raises `httpx.HTTPStatusError`, with the body in a note, unless the status is one of success, and
    `httpx.DecodingError` where the media type is none of those given. An unsuccessful response has been read.
    """
    if not response.is_success:
        error = httpx.HTTPStatusError(
            f"{response.request.method} {response.request.url} was answered with {response.status_code}.",
            request=response.request,
            response=response,
        )
        error.add_note(response.text)
        raise error
    found = response.headers.get("content-type", "").partition(";")[0]
    if found not in media_types:
        raise httpx.DecodingError(
            f"The response is {found!r}, not {' or '.join(media_types)}.", request=response.request
        )


def accepting(accept: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
    """The options of a request, with an `Accept` header where they have none."""
    return {**options, "headers": {**httpx.Headers(accept), **httpx.Headers(options.get("headers"))}}
