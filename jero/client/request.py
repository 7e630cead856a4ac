"""Makes the headers and the body of a request for a stream, as httpx takes them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import httpx
import msgspec

from jero.framing.json import NDJSON_NAMES

NDJSON_MEDIA_TYPES: Final = NDJSON_NAMES
EVENT_MEDIA_TYPES: Final = ("text/event-stream",)
ACCEPT_NDJSON: Final = {"Accept": NDJSON_MEDIA_TYPES[0]}
ACCEPT_EVENTS: Final = {"Accept": EVENT_MEDIA_TYPES[0]}
LAST_EVENT_ID: Final = "Last-Event-ID"
_LAST_EVENT_ID_KEY: Final = LAST_EVENT_ID.lower().encode()


def header_fields(headers: Any) -> httpx.Headers:
    """Returns headers of any form that httpx takes, with `Last-Event-ID` in UTF-8 (WHATWG HTML, section 9.2.4).

    httpx itself takes only ASCII in text, and raises `UnicodeEncodeError` for other characters in other headers.
    """
    if headers is None or isinstance(headers, httpx.Headers):
        return httpx.Headers(headers)
    is_mapping = isinstance(headers, Mapping)
    pairs: Iterable[tuple[Any, Any]] = cast("Mapping[Any, Any]", headers).items() if is_mapping else headers
    return httpx.Headers([(name, _field_value(name, value)) for name, value in pairs])


def with_headers(headers: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Returns `options` with `headers` added, except those that `options` sets itself."""
    # Not by `update`: httpx guesses the charset of all values at once, keeps the guess, and then cannot read UTF-8.
    own = header_fields(options.get("headers")).raw
    names = {name.lower() for name, _ in own}
    added = [(name, value) for name, value in header_fields(headers).raw if name.lower() not in names]
    return {**options, "headers": httpx.Headers([*added, *own])}


def check_sse_options(options: dict[str, Any]) -> None:
    """Raises `TypeError` for the options of `events` that `sse` does not take."""
    for name in ("method", "until"):
        if name in options:
            raise TypeError(
                f"sse(..., {name}={options[name]!r}): sse sends GET, and reads until the server says that no more "
                f"comes. For the event stream of one request, write events(url, T, {name}={options[name]!r})."
            )


def with_json(options: dict[str, Any]) -> dict[str, Any]:
    """Encodes `json=` with msgspec, since httpx cannot encode a Struct. Leaves what msgspec does not know to httpx.

    As in httpx, `None` stands for no body.
    """
    if options.get("json") is None:
        return options
    try:
        content = msgspec.json.encode(options["json"])
    except TypeError:  # a subclass of str or int, for example
        return options
    rest = {name: value for name, value in options.items() if name != "json"}
    return with_headers({"Content-Type": "application/json"}, {**rest, "content": content})


def take_last_event_id(options: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Returns the `Last-Event-ID` of the headers in `options`, or `None`, and the options without it."""
    headers = header_fields(options.get("headers")).raw
    values = [value for name, value in headers if name.lower() == _LAST_EVENT_ID_KEY]
    rest = httpx.Headers([(name, value) for name, value in headers if name.lower() != _LAST_EVENT_ID_KEY])
    # Bytes that are not UTF-8 are kept, and sent unchanged.
    event_id = values[-1].decode("utf-8", "surrogateescape") if values else None
    return event_id, {**options, "headers": rest}


def last_event_id_header(event_id: str | None) -> dict[str, bytes]:
    """Returns the header that resumes a stream after an event; no header if the id is `None` or empty.

    Raises `httpx.LocalProtocolError` if no header can carry the id.
    """
    value = (event_id or "").strip(" \t").encode("utf-8", "surrogateescape")  # a header's value has no blanks around it
    if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in value):
        raise httpx.LocalProtocolError(
            f"The stream cannot be resumed: the id of its last event, {value[:100]!r}, contains control characters, "
            "and no header can carry them. Have the server send other ids."
        )
    return {LAST_EVENT_ID: value} if value else {}


def _field_value(name: Any, value: Any) -> Any:
    key = name if isinstance(name, bytes) else str(name).encode("latin-1", "replace")
    return value.encode() if isinstance(value, str) and key.lower() == _LAST_EVENT_ID_KEY else value
