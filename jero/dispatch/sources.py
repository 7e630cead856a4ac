"""Refuses a source that was used before: it would be sent as an empty stream, which the client takes for the whole."""

import weakref
from collections import deque
from contextlib import AbstractAsyncContextManager
from opcode import opmap
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Final, cast

import msgspec

from jero.framing.framing import FramedSource
from jero.policy import StreamOutcome
from jero.streaming.plan import StreamPlan

_RETURN_GENERATOR: Final = opmap["RETURN_GENERATOR"]
_SHOWS_SUSPENSION: Final = hasattr(AsyncGeneratorType, "ag_suspended")  # since Python 3.12
_COUNTED: Final[tuple[type, ...]] = (type(iter(list[Any]())), type(iter(tuple[Any]())))
# Iterators of built-in classes take no weak reference. So many of them are kept, after their end, to be recognized.
_KEPT: Final = 16


class SentSources:
    """The sources that were sent before, of the kinds that can be iterated only once.

    A generator shows by its state whether it was used. Any other iterator is remembered after its end, because an
    iterator that has ended never yields again. An iterable that is not an iterator, such as a list, may be sent again.
    """

    def __init__(self) -> None:
        self._references: dict[int, weakref.ref[Any]] = {}
        self._kept: deque[Any] = deque(maxlen=_KEPT)

    def check(self, source: Any, where: str) -> None:
        """Raises `RuntimeError` if the source of a response cannot be sent, because it was used before."""
        kind = type(source)
        if kind is AsyncGeneratorType:
            was_used = _has_begun(source)
        elif kind is GeneratorType:
            was_used = source.gi_suspended or source.gi_running or source.gi_frame is None or self._knows(source)
            self._remember(source)  # its thread may begin later than another request comes
        elif isinstance(source, AbstractAsyncContextManager):  # that of @asynccontextmanager has a generator inside
            generator: Any = getattr(source, "gen", None)
            was_used = isinstance(generator, AsyncGeneratorType) and _has_begun(cast("Any", generator))
        else:
            was_used = is_iterator(source) and (_is_at_end(source) or self._knows(source))
        if was_used:
            name = getattr(source, "__qualname__", kind.__name__)
            raise RuntimeError(
                f"{where} returned a stream whose source, {name}, was used before, so its items are gone. "
                "Make the source and its response inside the handler, for each request."
            )

    def watched(self, plan: StreamPlan) -> StreamPlan:
        """Returns the plan of a stream from an iterator, so that the iterator is remembered when it has ended."""
        source, kind = plan.source, plan.kind

        async def on_end(outcome: StreamOutcome) -> None:
            if outcome.reason == "completed":
                self._remember(source)
            await kind.on_end(outcome)

        return msgspec.structs.replace(plan, kind=msgspec.structs.replace(kind, on_end=on_end))

    def _knows(self, source: Any) -> bool:
        reference = self._references.get(id(source))
        return (reference is not None and reference() is source) or any(kept is source for kept in self._kept)

    def _remember(self, source: Any) -> None:
        key = id(source)
        try:
            self._references[key] = weakref.ref(source, lambda _: self._references.pop(key, None))
        except TypeError:
            self._kept.append(source)


def is_iterator(source: Any) -> bool:
    """Returns whether the source is an iterator, but no generator, so that only its end shows that it was used."""
    kind = type(source)
    if kind is AsyncGeneratorType or kind is GeneratorType or issubclass(kind, FramedSource):
        return False
    return hasattr(kind, "__anext__") or hasattr(kind, "__next__")


def _has_begun(generator: Any) -> bool:
    """Returns whether an async generator was iterated, or is closed."""
    if generator.ag_running or (_SHOWS_SUSPENSION and generator.ag_suspended):
        return True
    frame = generator.ag_frame
    if frame is None:
        return True
    return not _SHOWS_SUSPENSION and generator.ag_code.co_code[frame.f_lasti] != _RETURN_GENERATOR


def _is_at_end(iterator: Any) -> bool:
    """Returns whether the iterator of a list or a tuple has ended. It forgets its list then, which a new one has."""
    return type(iterator) in _COUNTED and len(iterator.__reduce__()) < 3
