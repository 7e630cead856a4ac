"""Writes a response whose body is whole, and sends it: a status, headers with its length, and one body."""

import logging
from collections.abc import Sequence
from typing import Any, Final, TypeAlias, cast

from msgspec.json import Encoder

from jero.http.asgi import HeaderPairs, Scope, Send, request_line, response_body, response_start
from jero.responses.response import Response
from jero.responses.whole import BYTES, JSON, TEXT, BytesResponse, JSONResponse, TextResponse

logger = logging.getLogger("jero.requests")

# A status, headers and a body, as they are sent.
Whole: TypeAlias = tuple[int, HeaderPairs, bytes]

_JSON: Final = JSON.encode()
_TEXT: Final = TEXT.encode()
_BYTES: Final = BYTES.encode()
_SINGLE: Final = (b"content-type", b"content-length")


def write_plain(value: Any, declared: frozenset[Any], encoder: Encoder) -> Whole:
    """Writes a value that a handler returned without a response around it.

    A `str` is sent as text and `bytes` as bytes if the handler declares that type. Everything else is sent as JSON.
    """
    if str in declared and isinstance(value, str):
        body, media_type = value.encode(), _TEXT
    elif bytes in declared and isinstance(value, bytes):
        body, media_type = value, _BYTES
    else:
        body, media_type = encoder.encode(value), _JSON
    return 200, [(b"content-type", media_type), (b"content-length", b"%d" % len(body))], body


def write_response(response: Response[Any], encoder: Encoder) -> Whole:
    """Writes a response. Its own headers replace those that jero would send."""
    own = response.header_pairs()
    if not response.has_body:
        # RFC 9110, section 8.6: these two have no body and no length. With any other status the length is 0.
        defaults = [] if response.status_code in (204, 304) else [(b"content-length", b"0")]
        return response.status_code, with_defaults(own, defaults), b""
    if isinstance(response, JSONResponse):
        body, media_type = encoder.encode(cast("JSONResponse[Any, Any]", response).content), _JSON
    elif isinstance(response, TextResponse):
        body, media_type = response.content.encode(), _TEXT
    else:
        body, media_type = bytes(cast("BytesResponse[Any]", response).content), _BYTES
    defaults = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    return response.status_code, with_defaults(own, defaults), body


async def send_whole(whole: Whole, scope: Scope, send: Send) -> bool:
    """Sends a response; to HEAD without its body (RFC 9110, section 9.3.2). Returns whether the client was there."""
    status, headers, body = whole
    try:
        await send(response_start(status, headers))
        await send(response_body(body if scope["method"] != "HEAD" else b""))
    except OSError:  # the server's report that the client has left (ASGI HTTP, version 2.4)
        logger.debug("%s: the client left before its response", request_line(scope))
        return False
    return True


def with_defaults(pairs: HeaderPairs, defaults: Sequence[tuple[bytes, bytes]]) -> HeaderPairs:
    """Returns the headers, and before them those of `defaults` whose names are not among them.

    Of a repeated `Content-Type` or `Content-Length`, which a response has once, the last is returned.
    """
    if not pairs:
        return list(defaults)
    names = [name for name, _ in pairs]
    for name in _SINGLE:
        if names.count(name) > 1:
            last = len(names) - 1 - names[::-1].index(name)
            pairs = [pair for place, pair in enumerate(pairs) if pair[0] != name or place == last]
            names = [name for name, _ in pairs]
    return [default for default in defaults if default[0] not in names] + pairs
