"""Opens the user's source once and closes it once, both in the task that owns the stream. Refuses a used one."""

import asyncio
import inspect
import typing
import weakref
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum
from functools import lru_cache
from opcode import opmap
from types import AsyncGeneratorType, CodeType, GeneratorType
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

import msgspec

from jero.errors import StreamInterrupted
from jero.framing.framing import FramedSource
from jero.policy import StreamOutcome
from jero.streaming.plan import StreamPlan

MISSING: Final = object()

_RETURN_GENERATOR: Final = opmap["RETURN_GENERATOR"]
_SHOWS_SUSPENSION: Final = hasattr(AsyncGeneratorType, "ag_suspended")  # since Python 3.12
_COUNTED: Final[tuple[type, ...]] = (type(iter(list[Any]())), type(iter(tuple[Any]())))
# Iterators of built-in classes take no weak reference. This many of them are kept, after their end, to be recognized.
_KEPT: Final = 16


class SourceKind(Enum):
    """The kinds of source. The class of a source decides which one it is."""

    MANAGER = "an async context manager that enters to an async iterable"
    FRAMED = "an async iterable whose items are framed already"
    GENERATOR = "an async generator of items, or of one async iterable: a lifecycle"
    ITERABLE = "any other async iterable"
    IN_MEMORY = "a list or tuple, which cannot block"
    SYNCHRONOUS = "any other iterable, to be pulled in a thread"


def source_kind(source: object) -> SourceKind:
    """Returns what a source is."""
    return _kind_of_class(_class_of(source))


def _class_of(instance: object) -> Any:  # type checkers do not take a class of unknown type for hashable
    return type(instance)


@lru_cache(maxsize=1024)
def _kind_of_class(type_: Any) -> SourceKind:
    # A class is looked at once, not for each request.
    if type_ in (list, tuple):  # exactly: a subclass may do anything in its `__iter__`
        return SourceKind.IN_MEMORY
    if hasattr(type_, "__aenter__"):
        return SourceKind.MANAGER
    if issubclass(type_, FramedSource):
        return SourceKind.FRAMED
    if issubclass(type_, AsyncGenerator):
        return SourceKind.GENERATOR
    return SourceKind.ITERABLE if hasattr(type_, "__aiter__") else SourceKind.SYNCHRONOUS


@lru_cache(maxsize=1024)
def _is_async_iterable(type_: Any) -> bool:
    return hasattr(type_, "__aiter__")


class Source:
    """A source that is opened, pulled and closed in the event loop: every kind but `SYNCHRONOUS`.

    `dependencies`: context managers that are open already, and are left after the source is closed. `first` is the
    item that `open` had to pull to tell a plain generator from a lifecycle, or `MISSING`.
    """

    __slots__ = (
        "_dependencies",
        "_is_opened",
        "_items",
        "_kind",
        "_lifecycle",
        "_manager",
        "_on_set_up",
        "_stream",
        "first",
    )

    def __init__(
        self, stream: Any, kind: SourceKind, dependencies: Sequence[AbstractAsyncContextManager[Any]] = ()
    ) -> None:
        self._stream = stream
        self._kind = kind
        self._dependencies = dependencies
        self._items: AsyncIterator[Any] | None = None
        self._lifecycle: AsyncGenerator[Any, StreamOutcome] | None = None
        self._manager: AbstractAsyncContextManager[Any] | None = None
        self._is_opened = False
        self.first: Any = MISSING
        self._on_set_up: Callable[[], None] | None = None

    def when_set_up(self, call: Callable[[], None]) -> None:
        """Calls `call` when the setup has ended; at once, if the source is in no setup.

        A setup may fail with its true status, however long it takes.
        """
        if self.is_setting_up():
            self._on_set_up = call
        else:
            call()

    def is_setting_up(self) -> bool:
        """Returns whether the source has a setup that has not ended: `__aenter__`, or a lifecycle before its `yield`.

        A generator is known as a lifecycle by its return annotation.
        """
        if self._is_opened:
            return False
        stream: Any = self._stream
        if isinstance(stream, AsyncGeneratorType):
            return declares_lifecycle(cast("AsyncGeneratorType[Any, Any]", stream))
        return self._kind is SourceKind.MANAGER

    async def open(self) -> AsyncIterator[Any]:
        """Runs the setup and returns the items. Raises what the setup raises."""
        # This is one coroutine, and a small one, because many streams wait here for their first item.
        items: AsyncIterator[Any]
        if self._kind is SourceKind.GENERATOR:
            self._items = items = self._stream
            try:
                self.first = await anext(items)
            except StopAsyncIteration:
                self.first = MISSING
            if _is_async_iterable(_class_of(self.first)):
                self._lifecycle = self._stream
                items, self.first = self._iterate(self.first), MISSING
        elif self._kind is SourceKind.MANAGER:
            entered: Any = await self._stream.__aenter__()
            self._manager = self._stream
            items = self._iterate(entered)
        else:
            items = self._iterate(self._stream)
        self._is_opened = True
        if self._on_set_up is not None:
            self._on_set_up()
            self._on_set_up = None
        return items

    async def close(self, outcome: Callable[[], StreamOutcome], fail: Callable[[BaseException], None]) -> None:
        """Closes the items, resumes the lifecycle with the outcome, leaves the context managers: each, in any case.

        `fail` is called with what one of them raises, and `outcome` for what the next one has to know.
        """
        try:
            await self._close_items()
        except BaseException as error:
            fail(error)
        if self._lifecycle is not None:
            try:
                await self._resume(self._lifecycle, outcome())
            except BaseException as error:
                fail(error)
        if self._manager is None and not self._dependencies:
            return
        for manager in (self._manager, *reversed(self._dependencies)):
            if manager is None:
                continue
            try:
                await self._leave(manager, outcome())
            except BaseException as error:
                fail(error)

    def _iterate(self, iterable: Any) -> AsyncIterator[Any]:
        items = _in_order(iterable) if self._kind is SourceKind.IN_MEMORY else self._iterator_of(iterable)
        self._items = items
        return items

    def _iterator_of(self, iterable: Any) -> AsyncIterator[Any]:
        """Returns the items of an async iterable, framed if it keeps them so."""
        return iterable.framed() if isinstance(iterable, FramedSource) else aiter(iterable)

    async def _close_items(self) -> None:
        items = self._stream if self._items is None else self._items
        close: Callable[[], Awaitable[None]] | None = getattr(items, "aclose", None)
        if close is not None:
            await close()

    async def _resume(self, lifecycle: AsyncGenerator[Any, StreamOutcome], outcome: StreamOutcome) -> None:
        try:
            await lifecycle.asend(outcome)
        except StopAsyncIteration:
            return
        finally:
            del outcome  # its error's traceback refers to the stream
        await lifecycle.aclose()
        name = getattr(lifecycle, "__qualname__", type(lifecycle).__name__)
        raise RuntimeError(
            f"{name} yielded a second time; a lifecycle yields once. Write setup before the yield, teardown after it."
        )

    async def _leave(self, manager: AbstractAsyncContextManager[Any], outcome: StreamOutcome) -> None:
        error = outcome.error
        if error is None and outcome.reason != "completed":
            error = StreamInterrupted(outcome.reason)
        try:
            await leave(manager, error)
        finally:
            del error, outcome  # their tracebacks refer to this frame


async def leave(manager: AbstractAsyncContextManager[Any], error: BaseException | None) -> None:
    """Leaves a context manager with the error, if there is one. Raises what the manager raises instead of it."""
    try:
        if error is None:
            await manager.__aexit__(None, None, None)
        else:
            await manager.__aexit__(type(error), error, error.__traceback__)
    except RuntimeError as raised:
        if raised is not error:
            explain_yields(manager, raised)
            raise
    except BaseException as raised:
        if raised is not error:
            raise
    finally:
        del error  # its traceback refers to this frame


def explain_yields(manager: Any, raised: RuntimeError) -> None:
    """Names the generator in an error that its context manager has raised because it does not yield once."""
    faults = {"generator didn't yield": "yielded nothing", "generator didn't stop": "yielded a second time"}
    fault = faults.get(str(raised))
    generator = getattr(manager, "gen", None)  # of what @asynccontextmanager makes
    if fault is not None and generator is not None:
        name = generator.__qualname__.rpartition("<locals>.")[2]
        raised.args = (f"{name} {fault}. Write one yield, with setup before it and teardown after it.",)


_DECLARED: Final[WeakKeyDictionary[CodeType, bool]] = WeakKeyDictionary()


def declares_lifecycle(generator: AsyncGeneratorType[Any, Any]) -> bool:
    """Returns whether the function of a generator that waits is annotated as one of a single async iterable.

    The annotation of a function is read once. A function that is not found, such as one that is local to another,
    declares nothing.
    """
    code = generator.ag_code
    if code not in _DECLARED:
        _DECLARED[code] = _is_lifecycle(_function_of(generator))
    return _DECLARED[code]


def _function_of(generator: AsyncGeneratorType[Any, Any]) -> Any:
    """Returns the function that made a generator: a method of its first argument's class, or a global function."""
    code, frame = generator.ag_code, generator.ag_frame
    if frame is None:  # it has ended
        return None
    places: list[Mapping[str, Any]] = [frame.f_globals]
    if code.co_argcount:
        owner: Any = frame.f_locals.get(code.co_varnames[0])
        class_: type = owner if isinstance(owner, type) else type(owner)
        places = [*map(vars, class_.__mro__), *places]
    for place in places:
        found: Any = place.get(code.co_name)
        function: Any = inspect.unwrap(getattr(found, "__func__", found))
        if getattr(function, "__code__", None) is code:
            return function
    return None


def _is_lifecycle(function: Any) -> bool:
    try:
        returned = typing.get_type_hints(function).get("return")
    except (NameError, AttributeError, SyntaxError, TypeError):
        return False
    yielded = next(iter(typing.get_args(returned)), None)
    kind = typing.get_origin(yielded) or yielded
    return isinstance(kind, type) and issubclass(kind, AsyncIterable)


async def _in_order(items: Sequence[Any]) -> AsyncGenerator[Any, None]:
    for item in items:
        yield item


async def close_unstarted(stream: Any) -> None:
    """Closes a source that will not be opened. None of its code runs."""
    close: Callable[[], Awaitable[None]] | None = getattr(stream, "aclose", None)
    close_in_thread: Callable[[], None] | None = getattr(stream, "close", None)
    if close is not None:
        await close()
    elif close_in_thread is not None and hasattr(stream, "__iter__"):
        await asyncio.to_thread(close_in_thread)


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
        kind: Any = source.__class__
        if kind is AsyncGeneratorType:
            was_used = _has_begun(source)
        elif kind is GeneratorType:
            was_used = source.gi_suspended or source.gi_running or source.gi_frame is None or self._knows(source)
            self._remember(source)  # its thread may begin later than another request comes
        elif hasattr(kind, "__aenter__"):  # that of @asynccontextmanager has a generator inside
            generator: Any = getattr(source, "gen", None)
            was_used = type(generator) is AsyncGeneratorType and _has_begun(generator)
        else:
            was_used = is_iterator(source) and (_is_at_end(source) or self._knows(source))
        if was_used:
            name = getattr(source, "__qualname__", kind.__name__).rpartition("<locals>.")[2]
            name = "a generator expression" if name == "<genexpr>" else name
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
    kind: Any = source.__class__
    if kind is AsyncGeneratorType or kind is GeneratorType or kind is list or issubclass(kind, FramedSource):
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
