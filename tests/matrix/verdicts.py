"""The right value of each cell: what a client must be able to tell, and which bytes it must have."""

import re

import msgspec

from tests.matrix.cells import Cell
from tests.matrix.clients import Seen
from tests.matrix.feeds import Tick, burst, raw_item, three_items

RETRY = re.compile(rb"retry: [1-5]\d{3}\n\n")
ERROR_EVENT = re.compile(rb'event: error\ndata: (\{"type":"conflict".*\})\n\n')


def framed(form: str, items: list[Tick]) -> bytes:
    """Returns items as they are on the wire, without the end of an array."""
    texts = [msgspec.json.encode(item) for item in items]
    match form:
        case "lines":
            return b"".join(text + b"\n" for text in texts)
        case "events":
            return b"".join(b"data: " + text + b"\n\n" for text in texts)
        case "array":
            return b"[" + b",".join(texts)
        case _:
            return b"".join(map(raw_item, items))


def fault(cell: Cell, seen: Seen) -> str | None:
    """Returns what is wrong with a response, in a few words, or None."""
    if seen.end == "unnoticed":
        return "stall not noticed"
    if seen.end == "never":
        return "never ends"
    match cell.ending:
        case "completed":
            return _fault_of_whole(cell, seen)
        case "failed early":
            is_problem = seen.end == "complete" and b'"type":"conflict"' in seen.body
            return None if (seen.status, is_problem) == (409, True) else _described(seen)
        case "stalled":
            is_told = seen.end == "cut" or _is_open_array(cell, seen)
            return None if seen.status == 200 and is_told else _described(seen)
        case _:
            return _fault_of_events(cell, seen) if cell.form == "events" else _fault_of_cut(cell, seen)


def _described(seen: Seen) -> str:
    return f"{seen.end} {seen.status}" if seen.status else "no response"


def _is_open_array(cell: Cell, seen: Seen) -> bool:
    """Returns whether a parser refuses the body, as a client does that reads a JSON array."""
    if cell.form != "array":
        return False
    try:
        msgspec.json.decode(seen.body)
    except msgspec.DecodeError:
        return True
    return False


def _fault_of_whole(cell: Cell, seen: Seen) -> str | None:
    if (seen.status, seen.end) != (200, "complete"):
        return _described(seen)
    expected = framed(cell.form, three_items() + burst()) + (b"]" if cell.form == "array" else b"")
    return None if seen.body == expected else f"{len(seen.body) - len(expected)} bytes"


def _fault_of_cut(cell: Cell, seen: Seen) -> str | None:
    if seen.status != 200 or seen.end == "complete":
        return None if seen.status == 200 and _is_open_array(cell, seen) else _described(seen)
    if cell.way.protocol == "2":  # a stream that is reset may lose what waits for it
        return None
    missing = len(framed(cell.form, three_items())) - len(seen.body)
    return f"cut, {missing} bytes lost" if missing > 0 else None


def _fault_of_events(cell: Cell, seen: Seen) -> str | None:
    if (seen.status, seen.end) != (200, "complete"):
        return _described(seen)
    items = framed("events", three_items())
    if not seen.body.startswith(items):
        return "items lost"
    last = seen.body.removeprefix(items)
    expected = {
        "expired": not last,
        "shutdown": bool(RETRY.fullmatch(last)),
        "failed late": bool(ERROR_EVENT.fullmatch(last)),
    }
    return None if expected[cell.ending] else f"ends with {last[-60:]!r}"
