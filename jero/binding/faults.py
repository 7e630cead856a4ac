"""msgspec's refusals, with the path of the fault."""

import re

import msgspec

from jero.errors import Fault

_MESSAGE = re.compile(r"(?P<message>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `(.+)`")


def read_fault(error: msgspec.ValidationError, location: str) -> tuple[str, Fault]:
    """A sentence for the problem's detail, and the fault: `location` is the part of the request it is in."""
    match = _MESSAGE.fullmatch(str(error))
    message, path = (match["message"], match["path"] or "") if match else (str(error), "")
    loc: list[str | int] = [location]
    for name, index in _STEP.findall(path):
        loc.append(name or (int(index) if index.isdecimal() else index))
    missing = _MISSING.fullmatch(message)
    if missing:
        loc.append(missing[1])
    fault = Fault(loc=tuple(loc), msg=message, type="missing" if missing else "value_error")
    return f"{message} - at `$.{location}{path}`", fault
