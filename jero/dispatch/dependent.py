"""Answers requests to handlers with dependencies: opens them before the handler, and closes them before the end.

The order is: authenticate, read the body, admit the stream, open the dependencies, call the handler. So a caller that
is refused, and a body that falls silent, hold no connection of a database. If the answer is whole, the dependencies are
closed before its first byte; those of a stream are closed after its last item and before the end of its body. Then an
error of theirs, such as that of a commit, is one that the client sees.

A dependency is opened and closed in one task. That is the request's, unless the answer may be a stream: then it is the
stream's own task, in which the handler runs, too.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from functools import partial
from typing import Any, Final, TypeAlias, cast

from anyio import CancelScope
from msgspec import Struct
from msgspec.structs import replace

from jero.binding.fields import field_reader
from jero.contract.dependencies import Dependencies, Openings
from jero.contract.inputs import FIELDS
from jero.contract.operation import Operation, resolved
from jero.dispatch.failures import Failures
from jero.dispatch.leaving import HandlerWatch, limited
from jero.dispatch.respond import Whole, send_whole
from jero.dispatch.route import FormRoute, Route
from jero.dispatch.stream import Place, StreamDefaults
from jero.http.accept import accept_header
from jero.http.asgi import Receive, Scope, Send
from jero.responses.streaming import FramedResponse
from jero.streaming.limits import TeardownLimit
from jero.streaming.owned import Close, send_prepared
from jero.streaming.plan import StreamPlan
from jero.streaming.source import explain_yields, leave

logger = logging.getLogger("jero.requests")

Managers: TypeAlias = list[AbstractAsyncContextManager[Any]]

_NO_PLACE: Final[Any] = None


class Opener:
    """Opens the dependencies of one operation. It reads the table of them only when it is created."""

    def __init__(self, openings: Openings) -> None:
        self._values = openings.values
        self._factories = [(opening.dependency.factory, opening.values) for opening in openings.order]
        inputs = [opening.dependency.inputs for opening in openings.order]
        self._readers = [
            [(taken.name, field_reader(taken.name, taken.type)) for taken in taken_by if taken.name in FIELDS]
            for taken_by in inputs
        ]
        self._take_user = [any(taken.name == "user" for taken in taken_by) for taken_by in inputs]

    def bind(self, user: Any, scope: Scope, slots: dict[str, str]) -> list[dict[str, Any]]:
        """Returns what each factory takes of the request. Raises an `HTTPError` if that cannot be bound."""
        bound: list[dict[str, Any]] = []
        for readers, takes_user in zip(self._readers, self._take_user, strict=True):
            arguments = {name: read(scope, slots) for name, read in readers}
            if takes_user:
                arguments["user"] = user
            bound.append(arguments)
        return bound

    async def open(self, bound: Sequence[dict[str, Any]], opened: Managers) -> dict[str, Any]:
        """Opens all of them, and adds each to `opened`. Returns the arguments of the handler, by name."""
        values: list[Any] = []
        for (factory, needed), arguments in zip(self._factories, bound, strict=True):
            manager: Any = factory(**arguments, **{name: values[place] for name, place in needed})
            if not hasattr(manager, "__aenter__"):
                raise _not_a_manager(factory, manager)
            try:
                values.append(await manager.__aenter__())
            except RuntimeError as error:
                explain_yields(manager, error)
                raise
            opened.append(manager)
        return {name: values[place] for name, place in self._values}

    def unopened(self) -> dict[str, None]:
        """Returns the names of the handler's arguments, for a generator none of whose code runs."""
        return dict.fromkeys(name for name, _ in self._values)


class _Asked(Struct, frozen=True):
    """One request, after its body was read: what its handler and the dependencies take, and where the answer goes."""

    scope: Scope
    arguments: dict[str, Any]
    opener: Opener
    bound: list[dict[str, Any]]
    media_type: str | None
    expires_at: float | None
    place: Place
    watch: HandlerWatch | None


class DependentRoute(Route):
    """Answers the requests of one operation whose handler takes dependencies. `resolve` must be called before."""

    def __init__(self, operation: Operation, defaults: StreamDefaults, failures: Failures) -> None:
        super().__init__(operation, defaults, failures)
        self._seconds = operation.stream_policy.teardown_timeout
        # A generator has not begun while its dependencies are opened. So nothing of it is lost if that is cancelled.
        self._watches = self._cancels or (self.is_stream and not self._is_awaited)
        self._opener = Opener(operation.openings)
        # The time of the handler begins before its dependencies are opened: a pool may have no free connection.
        seconds = operation.endpoint.handler_timeout
        self._handler = operation.handler
        self._begun = self._call if seconds is None or not self._is_awaited else limited(self._call, seconds)
        self._name = f"stream {operation.method} {operation.name}"

    def resolve(self, dependencies: Dependencies) -> None:
        """Finds the dependencies of the handler. Raises `WiringError` if one is missing."""
        self.operation = resolved(self.operation, dependencies)
        self._opener = Opener(self.operation.openings)

    async def answer(self, scope: Scope, slots: dict[str, str], receive: Receive, send: Send) -> None:
        """Answers one request. Raises what fails before the first byte is sent."""
        user, expires_at = None, None
        if self._authenticator is not None:
            user, expires_at = await self._authenticator.authenticate(scope, slots)
        media_type = None if self._negotiation is None else self._negotiation.choose(accept_header(scope))
        opener = self._opener  # an override meanwhile is for the next request
        bound = opener.bind(user, scope, slots)
        arguments, receive = self._binder.bind(user, scope, slots, receive)
        if self._body is not None:
            arguments[self._body_name] = await self._body.read(scope, receive)
        place = _NO_PLACE
        if self.is_stream:
            place = self._admission.admit(user, scope, may_be_whole=self._may_be_whole)
        watch = self._watch(scope, receive, send) if self._watches else None
        opened: Managers = []
        close = partial(_leave_all, opened, self._seconds)
        try:
            asked = _Asked(scope, arguments, opener, bound, media_type, expires_at, place, watch)
            planned = self._planned(asked, opened)
            if self.is_stream:
                receive = receive if watch is None else watch.receive
                # This frame lasts as long as the stream, and keeps alive only what the stream needs.
                del user, arguments, bound, opened, asked
                whole = await send_prepared(planned, close, self._name, self._open_streams, receive, send)
            else:
                whole = await _answered(planned, close)
        finally:
            if self.is_stream:
                place.release()
            if watch is not None:
                await watch.close()
        if whole is not None:
            await send_whole(whole, scope, send)

    async def _planned(self, asked: _Asked, opened: Managers) -> StreamPlan | Whole:
        """Opens the dependencies and calls the handler. Returns the plan of a stream, which closes them, or an answer.

        If it returns an answer, or raises, `opened` are the dependencies to be closed.
        """
        running = self._begun(asked, opened)
        response = await (running if asked.watch is None else asked.watch.result_of(running))
        if not isinstance(response, FramedResponse):
            return response
        planned = await self._plan(response, asked.scope, asked.expires_at, asked.place)
        return replace(planned, dependencies=tuple(opened)) if isinstance(planned, StreamPlan) else planned

    async def _call(self, asked: _Asked, opened: Managers) -> FramedResponse[Any, Any] | Whole:
        if asked.scope["method"] == "HEAD" and not self._is_awaited:
            values: dict[str, Any] = asked.opener.unopened()
        else:
            values = await asked.opener.open(asked.bound, opened)
        return await self._begin({**asked.arguments, **values}, asked.media_type, None)


class DependentFormRoute(FormRoute, DependentRoute):
    """Answers the requests of an operation that takes a form, and dependencies, which are closed before its files."""


def route_of(operation: Operation, defaults: StreamDefaults, failures: Failures) -> Route:
    """Returns the route of an operation."""
    takes_form = any(taken.name == "form" for taken in operation.inputs)
    if operation.needs:
        return (DependentFormRoute if takes_form else DependentRoute)(operation, defaults, failures)
    return (FormRoute if takes_form else Route)(operation, defaults, failures)


async def _answered(planned: Coroutine[Any, Any, StreamPlan | Whole], close: Close) -> Whole:
    """Returns the answer of an operation without streams, when its dependencies are closed. Raises what fails."""
    error: BaseException | None = None
    answer: StreamPlan | Whole | None = None
    try:
        answer = await planned
    except BaseException as raised:
        error = raised
    try:
        error = await close(error)
        if error is not None:
            raise error
    finally:
        del error  # its traceback refers to this frame
    return cast("Whole", answer)


async def _leave_all(opened: Managers, seconds: float, error: BaseException | None) -> BaseException | None:
    """Leaves the context managers, the last one first, each with `error`. Returns the error to raise, if there is one.

    It is the error that a manager has raised last. Within `seconds` they must have ended; then they are cancelled.
    """
    task = asyncio.current_task()
    if not opened or task is None:
        return error
    cancellations = task.cancelling()
    limit = TeardownLimit(seconds, copy_context(), _nothing, _nothing)
    limit.start(task)
    latest: BaseException | None = None
    try:
        with CancelScope(shield=True):  # a scope of anyio cancels each await of a teardown
            for manager in reversed(opened):
                try:
                    await leave(manager, error)
                except BaseException as raised:
                    is_late = isinstance(raised, asyncio.CancelledError) and limit.is_exhausted
                    latest = limit.explain(cast("asyncio.CancelledError", raised)) if is_late else raised
                    error = _in_context(latest, error)
        return error
    finally:
        limit.stop()
        while limit.is_exhausted and task.cancelling() > cancellations:
            task.uncancel()
        latest = None
        del error, task  # the error's traceback refers to this frame


def _in_context(raised: BaseException, error: BaseException | None) -> BaseException:
    """Returns what a manager has raised, so that a log of it shows the `error` that it was left with, too.

    Python does that for `async with`, and here only for a manager that is a generator.
    """
    chain, before = _chain(raised), _chain(error)
    if error is not None and not any(found is other for found in chain for other in before):
        chain[-1].__context__ = error
    return raised


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and not any(error is found for found in chain):
        chain.append(error)
        error = error.__context__
    return chain


def _nothing() -> None:
    pass


def _not_a_manager(factory: Any, made: Any) -> TypeError:
    if asyncio.iscoroutine(made):
        made.close()
    name = getattr(factory, "__qualname__", repr(factory))
    return TypeError(f"{name} returned {type(made).__name__}, which is not an async context manager. Return one.")
