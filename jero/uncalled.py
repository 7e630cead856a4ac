"""Says what to write instead of a class, a function or a coroutine that was given instead of its result."""

import inspect
from collections.abc import Coroutine
from typing import Any, NamedTuple, cast


class Given(NamedTuple):
    """Describes what was given, and what to write instead."""

    found: str
    instead: str


def given(value: Any, instead: str) -> Given:
    """Describes a value: `instead` says what to write, unless the value must be called or awaited."""
    return uncalled(value) or Given("None" if value is None else type(value).__name__, instead)


def uncalled(value: Any) -> Given | None:
    """Returns what to write if the value is a class, a function or a coroutine, else `None`. Closes a coroutine."""
    if isinstance(value, Coroutine):
        coroutine: Any = cast("Any", value)
        coroutine.close()  # nothing awaits it
        called = _short(getattr(coroutine, "__qualname__", "the call"))
        return Given("coroutine", f"{called} did not run: write await before {called}(...)")
    if isinstance(value, type):
        return Given(f"the class {value.__name__}", f"Write {value.__name__}(...), which makes an instance")
    if not inspect.isroutine(value):
        return None
    kind = "method" if inspect.ismethod(value) else "function"
    awaited = " and await it" if inspect.iscoroutinefunction(value) else ""
    return Given(f"the {kind} {value.__name__}", f"Call it{awaited}: write {value.__name__}(...)")


def _short(name: str) -> str:
    """Returns the name of a function without the functions around it."""
    return name.rpartition("<locals>.")[2]
