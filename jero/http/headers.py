"""Header fields (RFC 9110, section 5): checked pairs, and Structs of typed headers read and written.

The header that a client comes back with (WHATWG HTML, section 9.2.4).
"""

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

TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, section 5.5


def header_pair(name: str, value: str) -> tuple[bytes, bytes]:
    """One header as bytes, its name in lower case, its value without the whitespace around it.

    Raises `ValueError` for a name that is no token, for a control character in the value (CR, LF and NUL would let
    it smuggle in further headers, and servers drop the connection over the others), and for a value outside
    Latin-1, which is all that HTTP/1.1 carries.
    """
    if not TOKEN.fullmatch(name):
        raise ValueError(
            f"{name!r} is no header name: RFC 9110, section 5.1, allows letters, digits and !#$%&'*+-.^_`|~."
        )
    if _FORBIDDEN_IN_VALUE.search(value):
        raise ValueError(f"The value of header {name!r} holds a control character: {value!r}.")
    try:
        return name.lower().encode("ascii"), value.strip(" \t").encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(f"The value of header {name!r} has a character outside Latin-1: {value!r}.") from error


def raw_pairs(headers: RawHeaders) -> HeaderPairs:
    """Headers as the user wrote them, a mapping or pairs, as checked pairs of bytes."""
    pairs: Iterable[tuple[str, str]] = headers.items() if isinstance(headers, Mapping) else headers
    return [header_pair(name, value) for name, value in pairs]


def typed_pairs(headers: Struct) -> HeaderPairs:
    """A Struct of typed headers as pairs: `None` and UNSET are left out, a list repeats its header.

    `x_total: int` is sent as `x-total`; `field(name="X-Exact")` gives the exact name. A datetime is sent as
    an HTTP date (RFC 9110, section 5.6.7).
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
    """A typed value as a header's text."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return format_datetime(moment.astimezone(UTC), usegmt=True)
    plain = msgspec.to_builtins(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return str(plain)


def header_name(attribute: str, encode_name: str) -> str:
    """The header that a Struct's field stands for: its given name, or its own with hyphens."""
    return encode_name if encode_name != attribute else attribute.replace("_", "-")


@cache
def response_header_names(struct: type[Struct]) -> tuple[tuple[str, str], ...]:
    """Each field of a Struct of typed headers with the header it is sent as."""
    fields = msgspec.structs.fields(struct)
    return tuple((field.name, header_name(field.name, field.encode_name)) for field in fields)


class ResumeHeaders(Struct, frozen=True):
    """For a handler's `headers` parameter: `Last-Event-ID`, the id of the last event that the client received."""

    last_event_id: str | None = None
