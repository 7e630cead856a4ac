"""Checks header fields (RFC 9110, section 5), and writes Structs of typed headers as such."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec import Struct

from jero.http.asgi import HeaderPairs

RawHeaders: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]
"""Names and values of headers. Pairs may repeat a name."""

TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_FORBIDDEN_IN_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, section 5.5

# Fields of a request that have one value (RFC 9110; RFC 6454, section 7; WHATWG HTML, section 9.2.4). Several lines of
# another field are one list.
SINGLE: Final = frozenset(
    {
        "authorization",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "date",
        "from",
        "host",
        "if-modified-since",
        "if-range",
        "if-unmodified-since",
        "last-event-id",
        "max-forwards",
        "origin",
        "proxy-authorization",
        "range",
        "referer",
        "user-agent",
    }
)


def header_pair(name: str, value: str) -> tuple[bytes, bytes]:
    """Returns one header as bytes: the name in lower case, the value without leading and trailing whitespace.

    Raises `ValueError` if the name is not a token, or if the value contains a control character or a character outside
    Latin-1, the charset of HTTP/1.1. CR, LF and NUL could smuggle in further headers; for other control characters
    servers close the connection.
    """
    if not TOKEN.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a header name: RFC 9110, section 5.1, allows letters, digits and !#$%&'*+-.^_`|~."
        )
    if _FORBIDDEN_IN_VALUE.search(value):
        raise ValueError(f"The value of header {name!r} contains a control character: {value!r}. Remove it.")
    try:
        return name.lower().encode("ascii"), value.strip(" \t").encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The value of header {name!r} contains a character outside Latin-1: {value!r}. Encode it first."
        ) from error


def raw_pairs(headers: RawHeaders) -> HeaderPairs:
    """Returns the user's headers, a mapping or pairs, as checked pairs of bytes. Raises as `header_pair` does."""
    pairs: Iterable[tuple[str, str]] = headers.items() if isinstance(headers, Mapping) else headers
    return [header_pair(name, value) for name, value in pairs]


def typed_pairs(headers: Struct) -> HeaderPairs:
    """Returns a Struct of typed headers as pairs. `None` and UNSET are omitted, a list repeats its header.

    `x_total: int` is sent as `x-total`; `field(name="X-Exact")` sets the exact name. A datetime is sent as
    an HTTP date (RFC 9110, section 5.6.7). Raises as `header_pair` does.
    """
    pairs: HeaderPairs = []
    for attribute, name in response_header_names(type(headers)):
        value = getattr(headers, attribute)
        if value is None or value is msgspec.UNSET:
            continue
        is_many = isinstance(value, list | tuple | set | frozenset)
        values: Iterable[Any] = cast("Iterable[Any]", value) if is_many else (value,)
        pairs.extend(header_pair(name, header_text(one)) for one in values)
    return pairs


def header_text(value: Any) -> str:
    """Returns a typed value as the text of a header. A datetime without a time zone is in UTC."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return format_datetime(moment.astimezone(UTC), usegmt=True)
    plain = msgspec.to_builtins(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return str(plain)


def header_name(attribute: str, encode_name: str) -> str:
    """Returns the header's name for a Struct's field: `encode_name` if it was set, else `attribute` with hyphens."""
    return encode_name if encode_name != attribute else attribute.replace("_", "-")


@cache
def response_header_names(struct: type[Struct]) -> tuple[tuple[str, str], ...]:
    """Returns the name of each field, with the name of the header that it is sent as."""
    fields = msgspec.structs.fields(struct)
    return tuple((field.name, header_name(field.name, field.encode_name)) for field in fields)


class ResumeHeaders(Struct, frozen=True):
    """The headers of a client that reconnects to an event stream, for a handler's `headers` parameter.

    `last_event_id`: the `Last-Event-ID` header (WHATWG HTML, section 9.2.4), the id of the last event that the client
    received; `None` at the first connection. Clients send it in UTF-8.
    """

    last_event_id: str | None = None
