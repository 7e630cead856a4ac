"""Reads the parameters of a header's value, such as `form-data; name="photo"` (RFC 9110, section 5.6.6; RFC 2183)."""

import re
from typing import Final

_NAME: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_HEAD: Final = re.compile(rb"[ \t]*([^;\x00-\x20\x7f]+)[ \t]*")
_PARAMETER: Final = re.compile(
    rb";[ \t]*(" + _NAME + rb")[ \t]*=[ \t]*" + rb'(?:"((?:[^"\\\x00\r\n]|\\[^\x00\r\n])*)"|'
    rb'([^;"\x00-\x20\x7f]*))[ \t]*'
)
_REST: Final = re.compile(rb"(;[ \t]*)*")
# Browsers send a backslash as it is, so another character after it does not make it an escape.
_ESCAPED: Final = re.compile(rb'\\(["\\])')


def read_parameters(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Returns what stands before the first semicolon, and the parameters by name; names are in lower case.

    Raises `ValueError` if the value is malformed, or has a parameter twice. A quoted text may contain any character but
    line breaks and NUL.
    """
    head = _HEAD.match(value)
    if head is None:
        raise ValueError("is empty or malformed")
    found: dict[bytes, bytes] = {}
    place = head.end()
    while (parameter := _PARAMETER.match(value, place)) is not None:
        name, quoted, plain = parameter.groups()
        if name.lower() in found:
            raise ValueError(f"has the parameter {name.lower().decode()} twice")
        found[name.lower()] = plain if quoted is None else _ESCAPED.sub(rb"\1", quoted)
        place = parameter.end()
    if _REST.fullmatch(value, place) is None:
        raise ValueError("has a malformed parameter")
    return head[1].lower(), found
