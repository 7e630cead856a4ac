"""The request's body: read up to its limit and decoded, or opened to be read as it arrives."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final, TypeAlias

from jero.binding.faults import refused_body
from jero.binding.incoming import ContentReader, Incoming, ItemReader, check_announced, is_ndjson, too_large
from jero.codec import json_decoder
from jero.errors import ClientDisconnected, UnsupportedMediaType
from jero.framing.json import NDJSON_NAMES
from jero.http.asgi import Receive, Scope, is_disconnect, request_header

BodyReader: TypeAlias = Callable[[Scope, bytes], Any]
BodyOpener: TypeAlias = Callable[[Scope, Incoming], Any]


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes.

    Raises `ContentTooLarge` as soon as it is known to be larger, without reading on; `ClientDisconnected` where
    the client leaves in the middle.
    """
    check_announced(scope, limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if is_disconnect(message):
            raise ClientDisconnected("the client left before its request was read to the end")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        if not message.get("more_body", False):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


def body_reader(name: str, type_: Any) -> BodyReader:
    """A function from a request and its body to the value that the parameter `name` is to have."""
    return _READERS[name](type_)


def body_opener(name: str, type_: Any, max_line_bytes: int) -> BodyOpener:
    """A function from a request and its body to the iterator that the parameter `name` is to have."""
    return _items_opener(type_, max_line_bytes) if name == "items" else _content_opener()


def _content_reader(type_: Any) -> BodyReader:
    def read(scope: Scope, body: bytes) -> Any:
        return body

    return read


def _json_reader(type_: Any) -> BodyReader:
    decode = json_decoder(type_).decode

    def read(scope: Scope, body: bytes) -> Any:
        media_type = request_header(scope, b"content-type")
        if media_type != b"application/json" and not _is_json(media_type):
            raise _other_media_type(media_type, "application/json")
        try:
            return decode(body)
        except (ValueError, RecursionError) as error:
            raise refused_body(error) from error

    return read


def _items_opener(type_: Any, max_line_bytes: int) -> BodyOpener:
    decoder = json_decoder(type_)

    def open_(scope: Scope, incoming: Incoming) -> AsyncIterator[Any]:
        media_type = request_header(scope, b"content-type")
        if not is_ndjson(media_type):
            raise _other_media_type(media_type, *NDJSON_NAMES[:2])
        return ItemReader(incoming, decoder, max_line_bytes)

    return open_


def _content_opener() -> BodyOpener:
    def open_(scope: Scope, incoming: Incoming) -> AsyncIterator[bytes]:
        return ContentReader(incoming)

    return open_


def _is_json(media_type: bytes | None) -> bool:
    """`application/json`, or a type with the suffix `+json` (RFC 6839, section 3.1), whatever its parameters."""
    essence = (media_type or b"").partition(b";")[0].strip().lower()
    return essence == b"application/json" or (essence.startswith(b"application/") and essence.endswith(b"+json"))


def _other_media_type(found: bytes | None, *read: str) -> UnsupportedMediaType:
    what = "has no Content-Type" if found is None else f"is {found.decode('latin-1')!r}"
    return UnsupportedMediaType(f"The body {what}; send it as {read[0]}.", headers={"Accept": ", ".join(read)})


_READERS: Final[dict[str, Callable[[Any], BodyReader]]] = {"json": _json_reader, "content": _content_reader}
