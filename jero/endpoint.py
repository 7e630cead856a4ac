"""What a user's endpoint class declares."""

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
    """What is said of an operation in documents, beside its signature."""

    summary: str | None = None
    description: str | None = None
    tags: Sequence[str] | None = None
    deprecated: bool | None = None
    errors: Sequence[type[HTTPError]] = ()


class Endpoint:
    """The base of endpoints: a class a path, its operations the methods `get`, `post`, `put`, `patch`, `delete`.

        class MoviesEndpoint(Endpoint, path="/movies/{movie_id}"): ...

    What an endpoint needs comes through its constructor; it may be a dataclass. One instance serves all requests.

    `max_body_bytes`: a larger body is refused with 413; one that is read as it arrives (`items`,
    `content: AsyncIterator[bytes]`) is bounded only where the endpoint sets it itself. `max_line_bytes`: a longer line
    of `items` is refused with 413. `stream_policy`, `validate_items`: in place of the application's.
    `async def on_stream_error(self, error)`, where defined, turns an exception in mid-stream into one last item for the
    client, or into `None` for no item.
    For the OpenAPI document: `errors`, the `HTTPError`s that its operations raise; `tags`, the groups they are listed
    in; `deprecated`. An operation's summary and description are the first line and the rest of its docstring.
    `operation_notes` says what differs for one operation.
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
        if path is not None:  # a dataclass with slots is made a second time, without the keyword
            cls.path = path


def operations(endpoint: Endpoint) -> dict[str, Callable[..., Any]]:
    """The bound handlers of an endpoint, by operation, in the order of `OPERATIONS`."""
    found = {name: inspect.getattr_static(endpoint, name, None) for name in OPERATIONS}
    return {name: getattr(endpoint, name) for name, member in found.items() if callable(member)}


def arriving_body_limit(endpoint: Endpoint) -> int | None:
    """How large a body may be that is read as it arrives: `None`, unless the endpoint sets `max_body_bytes` itself.

    The default is meant for bodies that are held in memory as a whole.
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
    """Says what differs for one operation in the OpenAPI document; it decorates the handler.

        @operation_notes(tags=["stock"], errors=[OutOfStock])
        async def post(self, json: Order) -> Created[Order]: ...

    `summary`, `description` (CommonMark) stand in place of the docstring's, `tags` and `deprecated` in place of the
    endpoint's; `errors` are those that this operation raises beside the endpoint's.
    """
    notes = OperationNotes(summary=summary, description=description, tags=tags, deprecated=deprecated, errors=errors)

    def decorate(handler: F) -> F:
        setattr(handler, _NOTES, notes)
        return handler

    return decorate


def read_notes(endpoint: Endpoint, handler: Callable[..., Any], where: str) -> OperationNotes:
    """The notes of one operation: its own, with the endpoint's and its docstring's for what it leaves out.

    Raises `WiringError` for `errors` or `tags` that are none.
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
