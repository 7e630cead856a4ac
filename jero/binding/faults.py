"""msgspec's refusals, with the path of the fault."""

import re

import msgspec

from jero.errors import Fault, HTTPError, MalformedRequest, UnprocessableContent

_MESSAGE = re.compile(r"(?P<message>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `(.+)`")


def read_fault(error: msgspec.ValidationError, location: str) -> tuple[str, Fault]:
    """A sentence for the problem's detail, and the fault: `location` is the part of the request it is in."""
    message, path, fault = _read(error, (location,))
    return f"{message} - at `$.{location}{path}`", fault


def refused_body(error: ValueError | RecursionError) -> HTTPError:
    """What a client is told of a body that cannot be decoded."""
    if isinstance(error, msgspec.ValidationError):
        detail, fault = read_fault(error, "json")
        return UnprocessableContent(detail, errors=[fault])
    return MalformedRequest(f"The body {_no_json(error)}.")


def refused_line(error: ValueError | RecursionError, number: int) -> HTTPError:
    """What a client is told of a line that cannot be decoded; the first is number 1."""
    location = ("items", number)
    if isinstance(error, msgspec.ValidationError):
        message, path, fault = _read(error, location)
        return UnprocessableContent(f"Line {number}: {message} - at `${path}`", errors=[fault])
    found = _no_json(error)
    return MalformedRequest(f"Line {number} {found}.", errors=[Fault(location, f"The line {found}")])


def _read(error: msgspec.ValidationError, location: tuple[str | int, ...]) -> tuple[str, str, Fault]:
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


def _no_json(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deep"
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8, as JSON is (RFC 8259, section 8.1)"
    return f"is not JSON: {error}"
