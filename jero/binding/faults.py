"""Refusals: the problem that a client receives for a part of its request that cannot be bound."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from jero.binding.hashes import SameHashError
from jero.errors import (
    ContentTooLarge,
    Fault,
    HTTPError,
    MalformedRequest,
    RequestTimeout,
    UnprocessableContent,
    UnsupportedMediaType,
)
from jero.http.upload import UploadFile

logger = logging.getLogger("jero.requests")

_PATH: Final = " - at `"
_PATH_OF_A_KEY: Final = "key` in `"
_UNKNOWN: Final = "Object contains unknown field `"
_MISSING: Final = "Object missing required field `"
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
# What msgspec raises of a value that has not the declared type. Other classes come from code of the application.
_KNOWN: Final = (ValueError, TypeError, ArithmeticError, RecursionError)
# The rest of a refused body is not read, so the connection cannot carry another request.
_CLOSE: Final = {"Connection": "close"}


def read_fault(error: Exception, location: str, sent: Mapping[str, Any] | bytes) -> tuple[str, Fault]:
    """Returns the detail of a problem, and the fault, of values that cannot be converted.

    `location`: the part of the request, such as "params". `sent`: its values by name, or its JSON.
    Raises `error` again if it is an `HTTPError`, which the application raised, or a `MemoryError`.
    """
    if isinstance(error, msgspec.ValidationError):
        message, path, fault = _read(error, (location,), sent)
        return f"{message} - at `$.{location}{path}`", fault
    message = _other_fault(error)
    return f"{message} - at `$.{location}`", Fault((location,), message)


def refused_body(error: Exception, body: bytes) -> HTTPError:
    """Returns the refusal of a body that cannot be decoded: 422 for JSON of another shape, 400 for other data.

    Raises `error` again if it is an `HTTPError`, which the application raised, or a `MemoryError`.
    """
    if _is_not_json(error):
        return MalformedRequest(f"The body {_not_json(error)}.")
    detail, fault = read_fault(error, "json", body)
    return UnprocessableContent(detail, errors=[fault])


def refused_line(error: Exception, line: bytes, number: int) -> HTTPError:
    """Returns the refusal of a line that cannot be decoded. The first line is number 1. Raises as `refused_body`."""
    location = ("items", number)
    if _is_not_json(error):
        found = _not_json(error)
        return MalformedRequest(f"Line {number} {found}.", errors=[Fault(location, f"The line {found}")])
    if isinstance(error, msgspec.ValidationError):
        message, path, fault = _read(error, location, line)
    else:
        message, path = _other_fault(error), ""
        fault = Fault(location, message)
    return UnprocessableContent(f"Line {number}: {message} - at `${path}`", errors=[fault])


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


def too_large_between(limit: int) -> ContentTooLarge:
    """Returns the refusal of a body with two codings, between which it has more than `limit` bytes."""
    return ContentTooLarge(f"The body has more than {limit} bytes between its two codings.", headers=_CLOSE)


def silent_body(seconds: float) -> RequestTimeout:
    """Returns the refusal of a body of which nothing arrived for `seconds`."""
    return RequestTimeout(f"No part of the body arrived for {seconds:g} seconds.", headers=_CLOSE)


def unsupported_media_type(found: bytes | None, *supported: str) -> UnsupportedMediaType:
    """Returns the refusal of a body whose Content-Type is `found`. The first of `supported` is recommended."""
    what = "missing" if found is None else f"{found.decode('latin-1')!r}, which is not read here"
    return UnsupportedMediaType(
        f"Content-Type is {what}; send the body as {supported[0]}.", headers={"Accept": ", ".join(supported)}
    )


def malformed_form(found: str, name: str | None = None) -> MalformedRequest:
    """Returns the refusal of a form that cannot be read, because of the entry called `name` if it is given."""
    if name is None:
        return MalformedRequest(f"{found}.", headers=_CLOSE)
    return MalformedRequest(f"{found} - at `$.form.{name}`", headers=_CLOSE, errors=[Fault(("form", name), found)])


def too_large_form(found: str, name: str | None = None) -> ContentTooLarge:
    """Returns the refusal of a form that exceeds a limit, because of the entry called `name` if it is given."""
    detail = f"The form {found}"
    if name is None:
        return ContentTooLarge(f"{detail}.", headers=_CLOSE)
    return ContentTooLarge(f"{detail} - at `$.form.{name}`", headers=_CLOSE, errors=[Fault(("form", name), detail)])


def unread_encoding(what: str, found: bytes) -> UnsupportedMediaType:
    """Returns the refusal of a form in which `what`, a charset or an encoding, is `found`."""
    return UnsupportedMediaType(
        f"{what} is {found.decode('latin-1')!r}, which is not read here; send the form in UTF-8, without an encoding."
    )


class RepeatedHeader(MalformedRequest):
    """A header that has one value was sent several times, with different values."""


def repeated_header(name: str) -> RepeatedHeader:
    """Returns the refusal of a request with several different values of the header `name`, which has one value."""
    fault = Fault(("headers", name.lower().replace("-", "_")), "Was sent several times, with different values")
    return RepeatedHeader(f"Header {name} was sent several times, with different values. Send it once.", errors=[fault])


def unsupported_encoding(found: bytes, accepted: Sequence[str] = ()) -> UnsupportedMediaType:
    """Returns the refusal of a body whose Content-Encoding is `found`. `accepted`: the codings that are decoded."""
    instead = f"as {' or '.join(accepted)}, or without an encoding" if accepted else "without an encoding"
    return UnsupportedMediaType(
        f"Content-Encoding is {found.decode('latin-1')!r}, which is not read here; send the body {instead}.",
        headers={"Accept-Encoding": ", ".join(accepted) or "identity"},
    )


def malformed_encoding(coding: str, found: str) -> MalformedRequest:
    """Returns the refusal of a body that cannot be decoded: it `found`, such as "ends before", the data of `coding`."""
    detail = f"The body {found} the {coding} data that its Content-Encoding announces."
    return MalformedRequest(detail, headers=_CLOSE)


def _read(
    error: msgspec.ValidationError, location: tuple[str | int, ...], sent: Mapping[str, Any] | bytes
) -> tuple[str, str, Fault]:
    """Splits the message of msgspec into the message alone and the path. Returns both and the fault."""
    message, path = _split(error, sent)
    if location[0] == "form":
        message = message.replace(f"`{UploadFile.__name__}`", "`file`")  # a client does not know the class
    loc = list(location)
    for name, index in _STEP.findall(path):
        loc.append(name or (int(index) if index.isdecimal() else index))
    is_missing = error.__cause__ is None and message.startswith(_MISSING)
    if is_missing:
        loc.append(message[len(_MISSING) : -1])
    fault = Fault(loc=tuple(loc), msg=message, type="missing" if is_missing else "value_error")
    return message, path, fault


def _split(error: msgspec.ValidationError, sent: Mapping[str, Any] | bytes) -> tuple[str, str]:
    """Returns the message, and the path that msgspec has added to it.

    A message may quote what the client sent, and so contain text that looks like a path. Only the text after the
    message is one. If the application raised (in `__post_init__`), its exception is the cause, and has the message
    alone. msgspec adds no path to a `ValidationError` of the application, nor to a fault of the whole value.
    """
    text, cause = str(error), error.__cause__
    if cause is not None:
        message = str(cause)
        if not text.startswith(message):
            return text, ""
        return message, _path(text[len(message) :])
    traceback = error.__traceback__
    if traceback is not None and traceback.tb_next is not None:
        return text, ""
    message, separator, path = text.rpartition(_PATH)
    if not separator or not text.endswith("`"):
        return text, ""
    if text.startswith(_UNKNOWN) and _is_member(text[len(_UNKNOWN) : -1], sent):  # a name that looks like a path
        return text, ""
    return message, _path(separator + path)


def _path(text: str) -> str:
    """Returns the steps of a path that msgspec wrote: "" for "", ".a[0]" for " - at `$.a[0]`"."""
    return text.removeprefix(_PATH).removeprefix(_PATH_OF_A_KEY).removeprefix("$").removesuffix("`")


def _is_member(name: str, sent: Mapping[str, Any] | bytes) -> bool:
    """Returns whether the values, or the JSON object, have a member of that name.

    msgspec has refused the object at that member, and has not seen the rest, which may not be JSON at all.
    """
    members: Any = sent
    if isinstance(sent, bytes):
        try:
            members = msgspec.json.decode(sent)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return True  # the path, at worst, is that of the whole object
    return isinstance(members, Mapping) and name in members


def _other_fault(error: Exception) -> str:
    """Returns what is wrong with a value that msgspec or the application could not take, without internals."""
    if isinstance(error, HTTPError | MemoryError):
        raise error
    if isinstance(error, SameHashError):
        return str(error)
    if not isinstance(error, _KNOWN):
        logger.warning("A value that a client sent made its type raise, and is refused", exc_info=error)
    return "The value does not have the declared type, or is out of its range"


def _is_not_json(error: Exception) -> bool:
    return isinstance(error, msgspec.DecodeError | UnicodeDecodeError | RecursionError) and not isinstance(
        error, msgspec.ValidationError
    )


def _not_json(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deep"
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8, which JSON requires (RFC 8259, section 8.1)"
    return f"is not JSON: {error}"
