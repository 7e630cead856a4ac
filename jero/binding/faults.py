"""Refusals: the problem that a client receives for a part of its request that cannot be bound."""

import re

import msgspec

from jero.errors import (
    ContentTooLarge,
    Fault,
    HTTPError,
    MalformedRequest,
    UnprocessableContent,
    UnsupportedMediaType,
)

_MESSAGE = re.compile(r"(?P<message>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `(.+)`")
# The rest of a refused body is not read, so the connection cannot carry another request.
_CLOSE = {"Connection": "close"}


def read_fault(error: msgspec.ValidationError, location: str) -> tuple[str, Fault]:
    """Returns the detail of a problem, and the fault. `location` is the part of the request, such as "params"."""
    message, path, fault = _read(error, (location,))
    return f"{message} - at `$.{location}{path}`", fault


def refused_body(error: ValueError | RecursionError) -> HTTPError:
    """Returns the refusal of a body that cannot be decoded: 422 for JSON of another shape, 400 for other data."""
    if isinstance(error, msgspec.ValidationError):
        detail, fault = read_fault(error, "json")
        return UnprocessableContent(detail, errors=[fault])
    return MalformedRequest(f"The body {_not_json(error)}.")


def refused_line(error: ValueError | RecursionError, number: int) -> HTTPError:
    """Returns the refusal of a line that cannot be decoded. The first line is number 1."""
    location = ("items", number)
    if isinstance(error, msgspec.ValidationError):
        message, path, fault = _read(error, location)
        return UnprocessableContent(f"Line {number}: {message} - at `${path}`", errors=[fault])
    found = _not_json(error)
    return MalformedRequest(f"Line {number} {found}.", errors=[Fault(location, f"The line {found}")])


def line_too_long(limit: int, number: int) -> ContentTooLarge:
    """Returns the refusal of a line of more than `limit` bytes."""
    return ContentTooLarge(
        f"Line {number} is longer than {limit} bytes.",
        headers=_CLOSE,
        errors=[Fault(("items", number), f"Longer than {limit} bytes")],
    )


def too_large(limit: int) -> ContentTooLarge:
    """Returns the refusal of a body of more than `limit` bytes."""
    return ContentTooLarge(f"The body is larger than {limit} bytes.", headers=_CLOSE)


def unsupported_media_type(found: bytes | None, *supported: str) -> UnsupportedMediaType:
    """Returns the refusal of a body whose Content-Type is `found`. The first of `supported` is recommended."""
    what = "missing" if found is None else f"{found.decode('latin-1')!r}, which is not read here"
    return UnsupportedMediaType(
        f"Content-Type is {what}; send the body as {supported[0]}.", headers={"Accept": ", ".join(supported)}
    )


def _read(error: msgspec.ValidationError, location: tuple[str | int, ...]) -> tuple[str, str, Fault]:
    """Splits the message of msgspec into the message alone and the path. Returns both and the fault."""
    match = _MESSAGE.fullmatch(str(error))
    message, path = (match["message"], match["path"] or "") if match else (str(error), "")
    loc = list(location)
    for name, index in _STEP.findall(path):
        loc.append(name or (int(index) if index.isdecimal() else index))
    missing = _MISSING.fullmatch(message)
    if missing:
        loc.append(missing[1])
    fault = Fault(loc=tuple(loc), msg=message, type="missing" if missing else "value_error")
    return message, path, fault


def _not_json(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deep"
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8, which JSON requires (RFC 8259, section 8.1)"
    return f"is not JSON: {error}"
