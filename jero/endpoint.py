"""Defines the base class of endpoints, and reads what they declare for the document."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, TypeVar, cast

from msgspec import Struct

from jero.errors import HTTPError, WiringError
from jero.policy import StreamPolicy

OPERATIONS: Final = ("get", "post", "put", "patch", "delete")

_NOTES: Final = "__jero_notes__"

F = TypeVar("F", bound=Callable[..., Any])


class OperationNotes(Struct, frozen=True, kw_only=True):
    """The description of an operation in the OpenAPI document, apart from its signature."""

    summary: str | None = None
    description: str | None = None
    tags: Sequence[str] | None = None
    deprecated: bool | None = None
    errors: Sequence[type[HTTPError]] = ()


class Endpoint:
    """The base class of endpoints. Its methods `get`, `post`, `put`, `patch` and `delete` are the operations of a path.

        class MoviesEndpoint(Endpoint, path="/movies/{movie_id}"): ...

    One instance serves all requests. Pass its dependencies to the constructor. An endpoint may be a dataclass.

    `path`: the path template, given as a class keyword.
    `max_body_bytes`: a larger request body is refused with 413. A body that is read as it arrives (`items`,
    `content: AsyncIterator[bytes]`) has no limit unless the endpoint sets this attribute.
    `max_line_bytes`: a longer line of `items` is refused with 413.
    `stream_policy`: the limits of the endpoint's streams, instead of the application's.
    `validate_items`: whether values, and the items of streams, are checked before they are sent. `None`: as the
    application sets it.
    `on_stream_error(self, error)`: define this method, which may be async, to turn an exception in mid-stream into one
    last item for the client, or into `None` for no item.

    For the OpenAPI document:
    `errors`: the `HTTPError`s that the operations raise.
    `tags`: the groups that list the operations.
    `deprecated`: whether the operations are deprecated.

    The first line of an operation's docstring is its summary, the rest its description. `operation_notes` replaces
    them for a single operation.
    """

    path: ClassVar[str | None] = None
    errors: ClassVar[Sequence[type[HTTPError]]] = ()
    tags: ClassVar[Sequence[str]] = ()
    deprecated: ClassVar[bool] = False
    max_body_bytes: ClassVar[int] = 1_048_576
    max_line_bytes: ClassVar[int] = 1_048_576
    stream_policy: ClassVar[StreamPolicy | None] = None
    validate_items: ClassVar[bool | None] = None

    def __init_subclass__(cls, *, path: str | None = None, **options: object) -> None:
        super().__init_subclass__(**options)
        if path is not None:  # a dataclass with slots is created a second time, without the keyword
            cls.path = path


def operations(endpoint: Endpoint) -> dict[str, Callable[..., Any]]:
    """Returns the bound handlers of an endpoint by operation, in the order of `OPERATIONS`."""
    # Not by getattr, which would run a property, and not by inspect.getattr_static, which takes ten times as long.
    owners = [getattr(owner, "__dict__", {}) for owner in (endpoint, *type(endpoint).__mro__)]
    members = ((name, next((owner[name] for owner in owners if name in owner), None)) for name in OPERATIONS)
    return {name: getattr(endpoint, name) for name, member in members if callable(member)}


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
) -> Callable[[F], F]:
    """Describes one operation in the OpenAPI document. It decorates the handler:

        @operation_notes(tags=["stock"], errors=[OutOfStock])
        async def post(self, json: Order) -> Created[Order]: ...

    `summary`: replaces the first line of the docstring.
    `description`: CommonMark, replaces the rest of the docstring.
    `tags`: replace the endpoint's.
    `deprecated`: replaces the endpoint's.
    `errors`: the errors that this operation raises in addition to the endpoint's.
    """
    notes = OperationNotes(summary=summary, description=description, tags=tags, deprecated=deprecated, errors=errors)

    def decorate(handler: F) -> F:
        setattr(handler, _NOTES, notes)
        return handler

    return decorate


def read_notes(endpoint: Endpoint, handler: Callable[..., Any], where: str) -> OperationNotes:
    """Returns the notes of one operation, completed by those of its docstring and of its endpoint.

    Raises `WiringError` if `errors` are not subclasses of `HTTPError`, or if `tags` are not strings.
    """
    own: OperationNotes = getattr(handler, _NOTES, OperationNotes())
    summary, _, rest = (inspect.getdoc(handler) or "").partition("\n")
    errors = (*_errors(endpoint.errors, where), *_errors(own.errors, where))
    return OperationNotes(
        summary=summary or None if own.summary is None else own.summary,
        description=rest.strip() or None if own.description is None else own.description,
        tags=_tags(endpoint.tags if own.tags is None else own.tags, where),
        deprecated=endpoint.deprecated if own.deprecated is None else own.deprecated,
        errors=tuple(dict.fromkeys(errors)),
    )


def _errors(errors: object, where: str) -> Sequence[type[HTTPError]]:
    if _is_sequence(errors, lambda error: isinstance(error, type) and issubclass(error, HTTPError)):
        return cast("Sequence[type[HTTPError]]", errors)
    raise WiringError(f"{where}: errors is {errors!r}. List subclasses of HTTPError: errors = [OutOfStock].")


def _tags(tags: object, where: str) -> Sequence[str]:
    if _is_sequence(tags, lambda tag: isinstance(tag, str)):
        return cast("Sequence[str]", tags)
    raise WiringError(f'{where}: tags is {tags!r}. List strings: tags = ["movies"].')


def _is_sequence(values: object, is_one: Callable[[object], bool]) -> bool:
    return isinstance(values, list | tuple) and all(map(is_one, cast("Sequence[object]", values)))
