"""The request's body: read up to its limit, decoded as what the handler takes."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from jero.binding.faults import read_fault
from jero.codec import json_decoder
from jero.errors import (
    ClientDisconnected,
    ContentTooLarge,
    MalformedRequest,
    UnprocessableContent,
    UnsupportedMediaType,
)
from jero.http.asgi import Receive, Scope, is_disconnect, request_header

BodyReader: TypeAlias = Callable[[Scope, bytes], Any]


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes.

    Raises `ContentTooLarge` as soon as it is known to be larger, without reading on; `ClientDisconnected` where
    the client leaves in the middle.
    """
    announced = request_header(scope, b"content-length")
    if announced is not None and _is_over(announced, limit):
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if is_disconnect(message):
            raise ClientDisconnected("the client left before its request was read to the end")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


def _is_over(announced: bytes, limit: int) -> bool:
    # Digits without end would cost int() quadratic time, and it refuses them; none so long is a size within a limit.
    return announced.isdigit() and (len(announced) > 19 or int(announced) > limit)


def _too_large(limit: int) -> ContentTooLarge:
    # What is left of the body is not read, so the connection can carry no further request.
    return ContentTooLarge(f"The body is larger than {limit} bytes.", headers={"Connection": "close"})


def body_reader(name: str, type_: Any) -> BodyReader:
    """A function from a request and its body to the value that the parameter `name` is to have."""
    return _READERS[name](type_)


def _content_reader(type_: Any) -> BodyReader:
    def read(scope: Scope, body: bytes) -> Any:
        return body

    return read


def _json_reader(type_: Any) -> BodyReader:
    decode = json_decoder(type_).decode

    def read(scope: Scope, body: bytes) -> Any:
        media_type = request_header(scope, b"content-type")
        if media_type != b"application/json" and not _is_json(media_type):
            raise _not_json(media_type)
        try:
            return decode(body)
        except msgspec.ValidationError as error:
            detail, fault = read_fault(error, "json")
            raise UnprocessableContent(detail, errors=[fault]) from error
        except msgspec.DecodeError as error:
            raise MalformedRequest(f"The body is not JSON: {error}.") from error
        except UnicodeDecodeError as error:
            raise MalformedRequest("The body is not UTF-8, as JSON is (RFC 8259, section 8.1).") from error
        except RecursionError as error:
            raise MalformedRequest("The body is nested too deep.") from error

    return read


def _is_json(media_type: bytes | None) -> bool:
    """`application/json`, or a type with the suffix `+json` (RFC 6839, section 3.1), whatever its parameters."""
    essence = (media_type or b"").partition(b";")[0].strip().lower()
    return essence == b"application/json" or (essence.startswith(b"application/") and essence.endswith(b"+json"))


def _not_json(media_type: bytes | None) -> UnsupportedMediaType:
    found = "has no Content-Type" if media_type is None else f"is {media_type.decode('latin-1')!r}"
    return UnsupportedMediaType(
        f"The body {found}; send it as application/json.", headers={"Accept": "application/json"}
    )


_READERS: Final[dict[str, Callable[[Any], BodyReader]]] = {"json": _json_reader, "content": _content_reader}
