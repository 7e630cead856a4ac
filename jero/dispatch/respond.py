"""A response whose body is whole: its bytes, in two messages."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.json import Encoder

from jero.http.asgi import HeaderPairs, Scope, Send, response_body, response_start
from jero.responses.response import Response
from jero.responses.whole import BYTES, JSON, TEXT, BytesResponse, JSONResponse, NoContent, TextResponse

logger = logging.getLogger("jero.requests")

_JSON: Final = JSON.encode()
_TEXT: Final = TEXT.encode()
_BYTES: Final = BYTES.encode()

_WRAPPERS: Final[tuple[tuple[type[Response[Any]], bytes, Callable[[Any, Encoder], bytes]], ...]] = (
    (JSONResponse, _JSON, lambda response, encoder: encoder.encode(response.content)),
    (TextResponse, _TEXT, lambda response, encoder: response.content.encode()),
    (BytesResponse, _BYTES, lambda response, encoder: bytes(response.content)),
)


async def send_plain(value: Any, declared: frozenset[Any], scope: Scope, send: Send, encoder: Encoder) -> None:
    """Sends a value that a handler returned as it is: `str` as text and `bytes` as bytes where they are declared,
    all else as JSON.
    """
    if str in declared and isinstance(value, str):
        body, media_type = value.encode(), _TEXT
    elif bytes in declared and isinstance(value, bytes):
        body, media_type = value, _BYTES
    else:
        body, media_type = encoder.encode(value), _JSON
    await _send(200, [(b"content-type", media_type), (b"content-length", b"%d" % len(body))], body, scope, send)


async def send_response(response: Response[Any], scope: Scope, send: Send, encoder: Encoder) -> None:
    """Sends one of the buffered responses."""
    pairs = response.header_pairs()
    if isinstance(response, NoContent):
        # RFC 9110, section 8.6: these have no body, and so no length; with any other status its length is 0.
        body = None if response.status_code in (204, 304) else b""
        await send_whole(response.status_code, pairs, body, scope, send)
        return
    _, media_type, encode = next(wrapper for wrapper in _WRAPPERS if isinstance(response, wrapper[0]))
    headers = with_defaults(pairs, [(b"content-type", media_type)])
    await send_whole(response.status_code, headers, encode(response, encoder), scope, send)


async def send_whole(status: int, headers: HeaderPairs, body: bytes | None, scope: Scope, send: Send) -> None:
    """Sends a response with its length; without its body to HEAD (RFC 9110, section 9.3.2), or where it has none."""
    if body is not None:
        headers = with_defaults(headers, [(b"content-length", b"%d" % len(body))])
    await _send(status, headers, body or b"", scope, send)


async def _send(status: int, headers: HeaderPairs, body: bytes, scope: Scope, send: Send) -> None:
    try:
        await send(response_start(status, headers))
        await send(response_body(body if scope["method"] != "HEAD" else b""))
    except OSError:  # a server's word for a client that has left (ASGI HTTP, version 2.4)
        logger.debug("%s %s: the client left before its response", scope["method"], scope["path"])


def with_defaults(pairs: HeaderPairs, defaults: Sequence[tuple[bytes, bytes]]) -> HeaderPairs:
    """The headers, with those of `defaults` that are not among them."""
    names = {name for name, _ in pairs}
    return [default for default in defaults if default[0] not in names] + pairs
