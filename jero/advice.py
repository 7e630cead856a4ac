"""Adds a note to an exception whose message does not say what to write."""

import linecache
import re
from itertools import islice
from operator import attrgetter
from types import CodeType, FrameType, SimpleNamespace, TracebackType
from typing import Any, Final

import msgspec

_MESSAGE_OF_MSGSPEC: Final = "Extra positional arguments provided"
_DOTTED_NAME: Final = re.compile(rb"\w+(?:\.\w+)*")


def add_advice(error: BaseException) -> None:
    """Adds a note that says what to write, if the exception is one of a Struct that was given too many by position.

    msgspec names neither the class nor its arguments. A check in each class would cost every response some time.
    """
    if type(error) is not TypeError or str(error) != _MESSAGE_OF_MSGSPEC:
        return
    struct = _called(error.__traceback__)
    if struct is None:
        return
    name = struct.__name__
    arguments = ", ".join(f"{field}=..." for field in _required(struct) or struct.__struct_fields__[:1])
    note = f"{name} was given more arguments by position than it takes. Name them: {name}({arguments})."
    if note not in getattr(error, "__notes__", ()):  # an exception may be reported twice
        error.add_note(note)


def _called(traceback: TracebackType | None) -> type[msgspec.Struct] | None:
    """Returns the Struct class whose call raised, or `None` if it cannot be told."""
    if traceback is None:
        return None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    found = _value_of(_name_called(traceback.tb_frame.f_code, traceback.tb_lasti), traceback.tb_frame)
    return found if isinstance(found, type) and issubclass(found, msgspec.Struct) else None


def _name_called(code: CodeType, offset: int) -> str:
    """Returns the dotted name at the beginning of the expression that an instruction belongs to, or an empty text."""
    line, _, column, _ = next(islice(code.co_positions(), offset // 2, None), (None, None, None, None))
    if line is None or column is None:
        return ""
    found = _DOTTED_NAME.match(linecache.getline(code.co_filename, line).encode(), column)
    return "" if found is None else found[0].decode()


def _value_of(name: str, frame: FrameType) -> Any:
    if not name:
        return None
    try:
        return attrgetter(name)(SimpleNamespace(**{**frame.f_globals, **frame.f_locals}))
    except AttributeError:
        return None


def _required(struct: type[msgspec.Struct]) -> list[str]:
    fields, defaults = struct.__struct_fields__, struct.__struct_defaults__
    without = [msgspec.NODEFAULT] * (len(fields) - len(defaults))
    pairs = zip(fields, [*without, *defaults], strict=True)
    return [name for name, default in pairs if default is msgspec.NODEFAULT]
