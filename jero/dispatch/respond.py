"""Writes a response whose body is whole, and sends it: a status, headers with its length, and one body."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, cast

from msgspec.json import Encoder

from jero.contract.operation import Operation
from jero.contract.values import ReturnedValues
from jero.http.asgi import HeaderPairs, Scope, Send, request_line
from jero.responses.response import Response
from jero.responses.whole import BYTES, JSON, TEXT, BytesResponse, JSONResponse, TextResponse

logger = logging.getLogger("jero.requests")

# A status, headers and a body, as they are sent.
Whole: TypeAlias = tuple[int, HeaderPairs, bytes]

_JSON: Final = (b"content-type", JSON.encode())
_TEXT: Final = (b"content-type", TEXT.encode())
_BYTES: Final = (b"content-type", BYTES.encode())
_SINGLE: Final = (b"content-type", b"content-length")


def whole_writer(operation: Operation, values: ReturnedValues, encoder: Encoder) -> Callable[[Any], Whole | None]:
    """Returns a function that writes what the handler of the operation returns: a response, or a value without one.

    It returns `None` if the return annotation does not allow the value. A `str` is sent as text and `bytes` as bytes if
    the handler declares that type. Every other value is sent as JSON.
    """
    exact = values.exact
    plain = [output.content for output in operation.outputs if output.is_plain]
    texts = tuple(kind for kind in (str, bytes) if kind in plain)
    responses = tuple(output.response for output in operation.outputs if output.response is not None)

    def write(value: Any) -> Whole | None:
        # The value of most requests is of a declared class, and `isinstance` with a Struct class is slow.
        if type(value) not in exact and not values.allow_plain(value, encoder):
            response: Response[Any] = value
            if not values.allow_at_once(response):
                if not isinstance(response, responses):
                    return None
                values.check_content(response, encoder)
            return write_response(response, encoder)
        return write_plain(value, texts, encoder)

    return write


def write_plain(value: Any, texts: tuple[type[Any], ...], encoder: Encoder) -> Whole:
    """Writes a value without a response around it: as text or bytes if its class is one of `texts`, else as JSON."""
    if texts and isinstance(value, texts):
        body, content_type = (value.encode(), _TEXT) if isinstance(value, str) else (value, _BYTES)
    else:
        body, content_type = encoder.encode(value), _JSON
    return 200, [content_type, (b"content-length", b"%d" % len(body))], body


def write_response(response: Response[Any], encoder: Encoder) -> Whole:
    """Writes a response. Its own headers replace those that jero would send."""
    own = response.header_pairs()
    if not response.has_body:
        # RFC 9110, section 8.6: these two have no body and no length. With any other status the length is 0.
        defaults = [] if response.status_code in (204, 304) else [(b"content-length", b"0")]
        return response.status_code, with_defaults(own, defaults), b""
    if isinstance(response, JSONResponse):
        body, content_type = encoder.encode(cast("JSONResponse[Any, Any]", response).content), _JSON
    elif isinstance(response, TextResponse):
        body, content_type = response.content.encode(), _TEXT
    else:
        body, content_type = bytes(cast("BytesResponse[Any]", response).content), _BYTES
    defaults = [content_type, (b"content-length", b"%d" % len(body))]
    return response.status_code, with_defaults(own, defaults), body


async def send_whole(whole: Whole, scope: Scope, send: Send) -> bool:
    """Sends a response; to HEAD without its body (RFC 9110, section 9.3.2). Returns whether the client was there."""
    status, headers, body = whole
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b"", "more_body": False}
        )
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
