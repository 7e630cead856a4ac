"""Defines the base class of endpoints, and reads what they declare for the document."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType, NoneType
from typing import Any, ClassVar, Final, TypeVar, cast

from msgspec import Struct

from jero.annotations import wiring_error
from jero.auth import Auth
from jero.errors import HTTPError, WiringError
from jero.names import (
    annotated_fields,
    check_self,
    check_value,
    could_be_handler,
    is_one_edit_away,
    nearest,
    own_functions,
    own_values,
)
from jero.policy import DEFAULT_FORM_POLICY, FormPolicy, StreamPolicy, is_positive

OPERATIONS: Final = ("get", "post", "put", "patch", "delete")

_ON_STREAM_ERROR: Final = "on_stream_error"
_WRITE_ON_STREAM_ERROR: Final = "def on_stream_error(self, error: Exception)"
_RENAME: Final = "Give a method of your own another name, such as one with a leading underscore"
_ANSWERED: Final = {
    "head": "jero answers HEAD with the headers of get",
    "options": "jero answers OPTIONS with the operations that there are",
    "trace": "jero does not serve TRACE",
    "connect": "jero does not serve CONNECT",
}
# Values of other types are attributes of the user, whatever they are called: deprecated_at = date(2026, 1, 1).
_MEANT_BY: Final[dict[str, tuple[type, ...]]] = {
    "tags": (list, tuple),
    "errors": (list, tuple),
    "content_encodings": (list, tuple),
    "exception_handlers": (Mapping,),
}
# A policy under another name, and a limit outside of its policy, would be passed over.
_POLICIES: Final[dict[type[Struct], str]] = {StreamPolicy: "stream_policy", FormPolicy: "form_policy"}
CODINGS: Final = ("gzip", "deflate")  # RFC 9110, section 8.4.1
_MISTAKEN: Final = (str, int, float, dict)
_SETTINGS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "path": ((str, NoneType), 'Write a path template: path="/movies"'),
    "deprecated": ((bool,), "Write True or False"),
    "max_body_bytes": ((int,), "Write a number of bytes: max_body_bytes = 1_048_576"),
    "body_timeout": ((int, float), "Write a number of seconds: body_timeout = 30.0"),
    "max_line_bytes": ((int,), "Write a number of bytes: max_line_bytes = 1_048_576"),
    "cancel_on_disconnect": ((bool,), "Write True or False"),
    "handler_timeout": ((int, float, NoneType), "Write a number of seconds: handler_timeout = 30.0"),
    "form_policy": ((FormPolicy,), "Write form_policy = FormPolicy(...)"),
    "stream_policy": ((StreamPolicy, NoneType), "Write stream_policy = StreamPolicy(...)"),
    "validate_items": ((bool, NoneType), "Write True, False or None"),
}
_SECONDS: Final = ("body_timeout", "handler_timeout")
_NOTES: Final = "__jero_notes__"

F = TypeVar("F", bound=Callable[..., Any])


class OperationNotes(Struct, frozen=True, kw_only=True):
    """The description of an operation in the OpenAPI document, apart from its signature."""

    summary: str | None = None
    description: str | None = None
    tags: Sequence[str] | None = None
    deprecated: bool | None = None
    errors: Sequence[type[HTTPError]] = ()
    statuses: Sequence[int] = ()


class Endpoint:
    """The base class of endpoints. Its methods `get`, `post`, `put`, `patch` and `delete` are the operations of a path.

        class MoviesEndpoint(Endpoint, path="/movies/{movie_id}"): ...

    One instance serves all requests. Pass what they share to the constructor. An endpoint may be a dataclass.

    `path`: the path template, given as a class keyword.
    `max_body_bytes`: a larger request body is refused with 413. A body that is read as it arrives (`items`,
    `content: AsyncIterator[bytes]`) has no limit unless the endpoint sets this attribute.
    `body_timeout`: seconds that a body which is read whole may be silent; then the request is refused with 408. A body
    that is read as it arrives has no such limit.
    `content_encodings`: the codings of request bodies that are decoded, "gzip" and "deflate"; a body with any other
    `Content-Encoding` is refused with 415. The limits apply to the body before and after it is decoded.
    `max_line_bytes`: a longer line of `items` is refused with 413.
    `form_policy`: the limits of a `form`, instead of `max_body_bytes`.
    `cancel_on_disconnect`: whether a handler is cancelled if its client leaves before it has returned.
    `handler_timeout`: seconds after which a handler that has not returned is cancelled, and the request is answered
    with 504. The opening of its dependencies and a body that it reads are part of them, a stream that it returns is
    not. `None`: no limit.
    `stream_policy`: the limits of the endpoint's streams, instead of the application's.
    `validate_items`: whether values, and the items of streams, are checked before they are sent. `None`: as the
    application sets it.
    `auth`: the authenticator, unless the endpoint is included with another one. `None`: the endpoint is open, also in a
    group that has an authenticator.
    `exception_handlers`: the exception handlers, unless the endpoint is included with others.
    `on_stream_error(self, error)`: define this method, which may be async, to turn an exception in mid-stream into one
    last item for the client, or into `None` for no item.

    For the OpenAPI document:
    `errors`: the `HTTPError`s that the operations raise.
    `tags`: the groups that list the operations.
    `deprecated`: whether the operations are deprecated.

    The first line of an operation's docstring is its summary, the rest its description. `operation_notes` replaces
    them for a single operation.
    """

    # No value: the endpoint declares none, and has those of its group.
    auth: ClassVar[Auth | None]
    exception_handlers: ClassVar[Mapping[type[Any], Callable[..., Any]]]

    path: ClassVar[str | None] = None
    errors: ClassVar[Sequence[type[HTTPError]]] = ()
    tags: ClassVar[Sequence[str]] = ()
    deprecated: ClassVar[bool] = False
    max_body_bytes: ClassVar[int] = 1_048_576
    body_timeout: ClassVar[float] = 30.0
    content_encodings: ClassVar[Sequence[str]] = ()
    max_line_bytes: ClassVar[int] = 1_048_576
    form_policy: ClassVar[FormPolicy] = DEFAULT_FORM_POLICY
    cancel_on_disconnect: ClassVar[bool] = False
    handler_timeout: ClassVar[float | None] = None
    stream_policy: ClassVar[StreamPolicy | None] = None
    validate_items: ClassVar[bool | None] = None

    def __init_subclass__(cls, *, path: str | None = None, **options: object) -> None:
        try:
            super().__init_subclass__(**options)
        except TypeError as error:
            if not options:
                raise
            raise _keyword_error(cls, options) from error
        if path is not None:  # a dataclass with slots is created a second time, without the keyword
            cls.path = path
        _check_methods(cls)
        for name, value in own_values(cls):
            if name not in annotated_fields(cls):
                _check_attribute(cls.__name__, name, value)


def check_endpoint(endpoint: Endpoint) -> None:
    """Raises `WiringError` for what only an instance shows: misspelt attributes with an annotation, and its settings.

    A field of a dataclass may have any name.
    """
    owner = type(endpoint)
    fields = getattr(owner, "__dataclass_fields__", {})
    for base in owner.__mro__[: owner.__mro__.index(Endpoint)]:
        for name, value in own_values(base):
            if name not in fields:
                _check_attribute(owner.__name__, name, value)
    _check_settings(endpoint, owner.__name__)
    on_stream_error = getattr(endpoint, _ON_STREAM_ERROR, None)
    if on_stream_error is not None:
        try:
            inspect.signature(on_stream_error).bind(ValueError())
        except TypeError as error:
            where = f"{owner.__name__}.{_ON_STREAM_ERROR}"
            raise wiring_error(
                where, f"it does not take the error: {error}", f"Write {_WRITE_ON_STREAM_ERROR}"
            ) from error


def _check_settings(endpoint: Endpoint, where: str) -> None:
    for name in _SETTINGS:
        check_value(name, getattr(endpoint, name), _SETTINGS, where)
    codings: object = endpoint.content_encodings
    if not _is_sequence(codings, lambda coding: coding in CODINGS):
        instead = 'List those that jero decodes: content_encodings = ["gzip", "deflate"]'
        raise wiring_error(where, f"content_encodings is {codings!r}", instead)
    for name in _SECONDS:
        seconds = getattr(endpoint, name)
        if seconds is not None and not is_positive(seconds):
            raise wiring_error(where, f"{name} is {seconds!r}", "Write a positive number of seconds")


def _check_methods(owner: type[Endpoint]) -> None:
    """Raises `WiringError` for a method that seems to be an operation or a hook, but is not called as one."""
    for name, function in own_functions(owner):
        where = f"{owner.__name__}.{name}"
        if name in OPERATIONS:
            check_self(name, function, where)
            continue
        answered = _ANSWERED.get(name.lower())
        if answered is not None and any(hasattr(owner, operation) for operation in OPERATIONS):
            raise wiring_error(where, f"{name} is not an operation: {answered}", _RENAME)
        meant = _meant_operation(owner, name, function)
        if meant is not None:
            raise wiring_error(where, f"{name} is not an operation", f"Write {meant}, or {_RENAME.lower()}")
        if name != _ON_STREAM_ERROR and nearest(name, (_ON_STREAM_ERROR,)) is not None:
            raise wiring_error(where, f"jero does not call {name}", f"Write {_WRITE_ON_STREAM_ERROR}")


def _meant_operation(owner: type[Endpoint], name: str, function: FunctionType) -> str | None:
    """Returns the operation that the method seems to be, or `None` for a method of the user."""
    if name.startswith("_") or not could_be_handler(function):
        return None
    if name.lower() in OPERATIONS:
        return name.lower()
    near = {operation for operation in OPERATIONS if is_one_edit_away(name.lower(), operation)}
    missing = [operation for operation in near if not hasattr(owner, operation)]
    # "pust" has more letters of put than of post.
    return min(missing, key=lambda operation: len(set(name.lower()) ^ set(operation)), default=None)


def _check_attribute(where: str, name: str, value: object) -> None:
    """Raises `WiringError` for an attribute whose name is misspelt, or whose value has the wrong type."""
    known = [public for public in (*vars(Endpoint), *inspect.get_annotations(Endpoint)) if not public.startswith("_")]
    if name not in known and not name.startswith("_"):
        meant = nearest(name, known) or ("auth" if is_one_edit_away(name.lower(), "auth") else None)
        if meant is not None and _could_be(meant, value):
            raise wiring_error(where, f"jero has no setting {name}", f"Write {meant}, or give it a less similar name")
        for policy, setting in _POLICIES.items():
            if name == "policy" and isinstance(value, policy):
                raise wiring_error(where, f"jero does not read {name}", f"Write {setting} = {policy.__name__}(...)")
            if name in policy.__struct_fields__ and isinstance(value, int | float):
                instead = f"Write {setting} = {policy.__name__}({name}=...), or give it another name"
                raise wiring_error(where, f"{name} is a limit of {policy.__name__}", instead)
    check_value(name, value, _SETTINGS, where)


def _could_be(setting: str, value: object) -> bool:
    """Returns whether the value has a type that is meant for the setting, or one that is often written instead."""
    if setting == "auth":  # if nothing reads it, everybody may call the endpoint
        return hasattr(value, "authenticate")
    types, _ = _SETTINGS.get(setting, ((), ""))
    return isinstance(value, _MEANT_BY.get(setting) or (*types, *_MISTAKEN))


def _keyword_error(owner: type, options: Iterable[str]) -> WiringError:
    keyword = next(iter(options), "")
    found = f"{keyword!r} is not a keyword of an endpoint's class"
    instead = f'Write class {owner.__name__}(Endpoint, path="/...")'
    if keyword in ("auth", "exception_handlers"):
        instead = f"Write self._include_endpoint({owner.__name__}(...), {keyword}=...)"
    return wiring_error(owner.__name__, found, instead)


def operations(endpoint: Endpoint) -> dict[str, Callable[..., Any]]:
    """Returns the bound handlers of an endpoint by operation, in the order of `OPERATIONS`."""
    # Not by getattr, which would run a property, and not by inspect.getattr_static, which takes ten times as long.
    owners = [getattr(owner, "__dict__", {}) for owner in (endpoint, *type(endpoint).__mro__)]
    members = ((name, next((owner[name] for owner in owners if name in owner), None)) for name in OPERATIONS)
    declared = (name for name, member in members if callable(member) or isinstance(member, classmethod))
    return {name: getattr(endpoint, name) for name in declared}


def arriving_body_limit(endpoint: Endpoint) -> int | None:
    """Returns the limit, in bytes, of a body that is read as it arrives: `None` unless the endpoint sets one.

    The default of `max_body_bytes` is meant for bodies that are in memory as a whole.
    """
    owners = (endpoint, *type(endpoint).__mro__)
    owner = next(owner for owner in owners if "max_body_bytes" in getattr(owner, "__dict__", ()))
    return None if owner is Endpoint else endpoint.max_body_bytes


def operation_notes(
    *,
    summary: str | None = None,
    description: str | None = None,
    tags: Sequence[str] | None = None,
    deprecated: bool | None = None,
    errors: Sequence[type[HTTPError]] = (),
    statuses: Sequence[int] = (),
) -> Callable[[F], F]:
    """Describes one operation in the OpenAPI document. It decorates the handler:

        @operation_notes(tags=["stock"], errors=[OutOfStock])
        async def post(self, json: Order) -> Created[Order]: ...

    `summary`: replaces the first line of the docstring.
    `description`: CommonMark, replaces the rest of the docstring.
    `tags`: replace the endpoint's.
    `deprecated`: replaces the endpoint's.
    `errors`: the errors that this operation raises in addition to the endpoint's.
    `statuses`: the statuses that the handler chooses among, instead of the one of each response's class. Each is listed
    with the bodies of the annotated responses that can have it.
    """
    notes = OperationNotes(
        summary=summary,
        description=description,
        tags=tags,
        deprecated=deprecated,
        errors=errors,
        statuses=statuses,
    )

    def decorate(handler: F) -> F:
        setattr(handler, _NOTES, notes)
        return handler

    return decorate


def read_notes(endpoint: Endpoint, handler: Callable[..., Any], where: str) -> OperationNotes:
    """Returns the notes of one operation, completed by those of its docstring and of its endpoint.

    Raises `WiringError` if `errors` are not subclasses of `HTTPError`, if `tags` are not strings, or if `statuses` are
    not numbers from 200 to 599.
    """
    own: OperationNotes = getattr(handler, _NOTES, OperationNotes())
    summary, _, rest = (inspect.getdoc(handler) or "").partition("\n")
    errors = (*_errors(endpoint.errors, where), *_errors(own.errors, where))
    return OperationNotes(
        summary=summary or None if own.summary is None else own.summary,
        description=rest.strip() or None if own.description is None else own.description,
        tags=read_tags(endpoint.tags if own.tags is None else own.tags, where),
        deprecated=endpoint.deprecated if own.deprecated is None else own.deprecated,
        errors=tuple(dict.fromkeys(errors)),
        statuses=_statuses(own.statuses, where),
    )


def _statuses(statuses: object, where: str) -> Sequence[int]:
    if _is_sequence(statuses, lambda status: type(status) is int and 200 <= status <= 599):
        return cast("Sequence[int]", statuses)
    raise WiringError(f"{where}: statuses is {statuses!r}. List numbers from 200 to 599: statuses=[200, 207].")


def _errors(errors: object, where: str) -> Sequence[type[HTTPError]]:
    if _is_sequence(errors, lambda error: isinstance(error, type) and issubclass(error, HTTPError)):
        return cast("Sequence[type[HTTPError]]", errors)
    raise WiringError(f"{where}: errors is {errors!r}. List subclasses of HTTPError: errors = [OutOfStock].")


def read_tags(tags: object, where: str) -> Sequence[str]:
    """Returns the tags. Raises `WiringError` if they are not a list or a tuple of strings."""
    if _is_sequence(tags, lambda tag: isinstance(tag, str)):
        return cast("Sequence[str]", tags)
    raise WiringError(f'{where}: tags is {tags!r}. List strings: tags = ["movies"].')


def _is_sequence(values: object, is_one: Callable[[object], bool]) -> bool:
    return isinstance(values, list | tuple) and all(map(is_one, cast("Sequence[object]", values)))
