"""Outputs: the kinds of response that a handler can return, read from its return annotation."""

import inspect
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jero.annotations import (
    class_of,
    event_form,
    fast_path_types,
    is_struct,
    name_of,
    type_arguments,
    union_members,
    union_of,
    unwrapped,
    wiring_error,
)
from jero.framing.event import ServerSentEvent
from jero.framing.framing import Framing
from jero.framing.json import NDJSON, NDJSON_NAMES
from jero.framing.sse import SSE
from jero.json_types import check_pydantic, check_type
from jero.responses.response import BODILESS, H, Response
from jero.responses.streaming import (
    OFFERED,
    FramedResponse,
    Negotiated,
    SourceResponse,
    SSEResponse,
    StreamingResponse,
    sets_content_type,
)
from jero.responses.whole import BYTES, JSON, REDIRECTIONS, TEXT, JSONResponse, Redirect

_WITHOUT_FORMAT: Final[tuple[Any, ...]] = (Response, SourceResponse, FramedResponse)
# The first of these that a response class inherits from defines the meaning of its type arguments.
_GENERIC: Final[tuple[Any, ...]] = (StreamingResponse, FramedResponse, Negotiated, JSONResponse, Response)
_ASYNCHRONOUS: Final = (AsyncIterator, AsyncIterable, AsyncGenerator)
_SYNCHRONOUS: Final = (Iterator, Iterable, Generator)
_NEGOTIATED: Final = (*_ASYNCHRONOUS, *_SYNCHRONOUS, AbstractAsyncContextManager)


class Output(Struct, frozen=True):
    """One kind of response.

    `response` is its class, or `None` for a plain value and for a source that is returned alone. `content` is the type
    of its content or of a stream's items, without the `ServerSentEvent` around an item. `headers` is the type of its
    typed headers. `fast_types` lists the classes among a stream's items whose JSON has no line break. With
    `is_negotiated` the client chooses the format of the stream. `chosen` lists the statuses that the handler chooses
    among, if its notes name them.
    """

    response: type[Response[Any]] | None
    content: Any = None
    headers: type[Struct] | None = None
    fast_types: frozenset[type] = frozenset()
    is_negotiated: bool = False
    chosen: tuple[int, ...] = ()

    @property
    def is_stream(self) -> bool:
        """Returns whether the body is a stream."""
        return self.is_negotiated or (self.response is not None and issubclass(self.response, SourceResponse))

    @property
    def is_plain(self) -> bool:
        """Returns whether the handler returns a plain value, without a response around it."""
        return self.response is None and not self.is_negotiated

    @property
    def has_body(self) -> bool:
        """Returns whether the response has a body."""
        return self.response is None or self.response.has_body

    @property
    def statuses(self) -> tuple[int, ...]:
        """Returns the statuses of the response: that of its class, unless the handler's notes name others."""
        return self.chosen or (self._default_status,)

    @property
    def _default_status(self) -> int:
        if self.response is None:
            return 200
        fields = msgspec.structs.fields(self.response)
        return next(cast("int", field.default) for field in fields if field.name == "status_code")

    @property
    def media_types(self) -> tuple[str, ...]:
        """Returns the media types of the body, the default first. A response without a body has none.

        Of the names of NDJSON only the two that jero offers are listed; clients may ask for others.
        """
        if self.is_negotiated:
            return OFFERED
        if self.response is None:
            return (TEXT if self.content is str else BYTES if self.content is bytes else JSON,)
        framing: Framing | None = getattr(self.response, "framing", None)
        if framing is None:
            return self.response.media_types
        return NDJSON_NAMES[:2] if framing is NDJSON else (framing.content_type,)


def read_outputs(
    handler: Callable[..., Any], hints: Mapping[str, Any], where: str, *, has_enc_hook: bool
) -> tuple[Output, ...]:
    """Returns the kinds of response that the handler declares. Raises `WiringError` if jero cannot send one of them."""
    is_generator = inspect.isasyncgenfunction(handler) or inspect.isgeneratorfunction(handler)
    if not is_generator and not inspect.iscoroutinefunction(handler):
        raise wiring_error(where, "the handler is not async def", "Write an async def that returns its response")
    if "return" not in hints:
        raise wiring_error(
            where,
            "the return annotation is missing",
            "Annotate what is sent: a Struct, AsyncIterator[Item] or a response",
        )
    if is_generator:
        _check_generator(handler, hints["return"], where)
    outputs = tuple(_read_members(hints["return"], where))
    for output in outputs:
        if output.content is not None:
            check_type(output.content, f"{where}, return annotation", allow_custom=has_enc_hook)
    _check_streams(outputs, where)
    _check_events(outputs, where)
    return outputs


def _check_generator(handler: Callable[..., Any], annotation: Any, where: str) -> None:
    is_async = inspect.isasyncgenfunction(handler)
    if typing.get_origin(unwrapped(annotation)) in (_ASYNCHRONOUS if is_async else _SYNCHRONOUS):
        return
    kind = "an async" if is_async else "a"
    found = f"the handler is {kind} generator, but its return annotation is {_text(annotation)}"
    iterator = f"{'AsyncIterator' if is_async else 'Iterator'}[{_item_of(annotation)}]"
    origin = class_of(unwrapped(annotation))
    is_response = isinstance(origin, type) and issubclass(origin, SourceResponse)
    other = f", or yield in another method and return {origin.__name__}(stream=self._items())" if is_response else ""
    raise wiring_error(where, found, f"Write {iterator}{other}")


def _text(annotation: Any) -> str:
    """Returns the text of an annotation, of a response without the headers that it does not name."""
    return name_of(annotation).replace(", None]", "]")


def _item_of(annotation: Any) -> str:
    """Returns what a generator with that annotation is meant to yield, or "Item" if it does not say that."""
    plain = unwrapped(annotation)
    origin, arguments = class_of(plain), typing.get_args(plain)
    if isinstance(origin, type) and issubclass(origin, SourceResponse | list | AsyncIterable | Iterable):
        has_item = bool(arguments) and not issubclass(origin, StreamingResponse | str | bytes | Mapping)
        return name_of(arguments[0]) if has_item else "bytes" if issubclass(origin, StreamingResponse) else "Item"
    return name_of(annotation) if isinstance(annotation, type) else "Item"


def _read_members(annotation: Any, where: str) -> Iterator[Output]:
    plain: list[Any] = []
    for member in _flat_members(annotation):
        bare = unwrapped(member)
        origin = class_of(bare)
        if isinstance(origin, type) and issubclass(origin, Response):
            yield read_response(bare, cast("type[Response[Any]]", origin), where)
        elif origin in _NEGOTIATED:
            yield _read_negotiated(bare, where)
        elif member in (str, bytes):
            yield Output(None, member)
        else:
            plain.append(member)
    if plain:
        _check_plain(plain, where)
        yield Output(None, union_of(plain))


def _flat_members(annotation: Any) -> Iterator[Any]:
    """Yields the members of a union. A union inside `Annotated` is kept whole unless it contains a response."""
    for member in union_members(annotation):
        inner = union_members(unwrapped(member))
        if len(inner) > 1 and any(_is_answer(class_of(unwrapped(inner_member))) for inner_member in inner):
            yield from _flat_members(unwrapped(member))
        else:
            yield member


def _is_answer(origin: Any) -> bool:
    return origin in _NEGOTIATED or (isinstance(origin, type) and issubclass(origin, Response))


def _read_negotiated(annotation: Any, where: str) -> Output:
    item = next(iter(typing.get_args(annotation)), None)
    if class_of(item) in _ASYNCHRONOUS:  # a lifecycle generator or a context manager that returns an iterable
        item = next(iter(typing.get_args(item)), None)
    elif typing.get_origin(annotation) is AbstractAsyncContextManager:
        item = None
    if item is None:
        raise wiring_error(
            where,
            f"the return annotation is {name_of(annotation)}, which does not name the type of its items",
            f"Write AsyncIterator[Item], {_named(where)}",
        )
    content = _without_event(item)
    return Output(None, content, None, fast_path_types(content), is_negotiated=True)


def _without_event(annotation: Any) -> Any:
    """Returns the type of an item, or of an event's data if the item is an event."""
    return union_of(dict.fromkeys(map(_data_type, union_members(annotation))))


def _data_type(annotation: Any) -> Any:
    if class_of(annotation) is not ServerSentEvent:
        return annotation
    return _without_event(next(iter(typing.get_args(annotation)), Any))


def read_response(annotation: Any, origin: type[Response[Any]], where: str) -> Output:
    """Reads the annotation of a response, whose class is `origin`. Raises `WiringError` if jero cannot send it."""
    if origin in _WITHOUT_FORMAT:
        raise wiring_error(where, f"{origin.__name__} has no wire format", "Use a subclass that sets framing")
    owner = next(base for base in _GENERIC if issubclass(origin, base))
    arguments = type_arguments(annotation, owner)
    headers = arguments.pop(H, None)
    if headers in (None, type(None)):
        headers = None
    elif not is_struct(headers):
        check_pydantic(headers, where)
        found = f"the headers of {origin.__name__} are of type {name_of(headers)}, which is not a Struct"
        raise wiring_error(where, found, "Name a Struct with a field for each header")
    content = next(iter(arguments.values()), None)
    if not issubclass(owner, SourceResponse) or owner is StreamingResponse:
        return Output(origin, content, headers)
    if owner is Negotiated and headers is not None and sets_content_type(headers):
        found = f"the headers of {origin.__name__} have a Content-Type, which the client's Accept chooses"
        raise wiring_error(where, found, f"Leave it out, or write {_named(where)}")
    content = _without_event(content)
    return Output(origin, content, headers, fast_path_types(content), is_negotiated=owner is Negotiated)


def with_statuses(outputs: Sequence[Output], statuses: Sequence[int], where: str) -> tuple[Output, ...]:
    """Returns the outputs with those of the statuses that each may have. A plain value always has 200.

    Raises `WiringError` if none of them may have one of the statuses.
    """
    given = tuple(
        replace(output, chosen=tuple(status for status in statuses if _may_have(output, status, outputs)))
        for output in outputs
    )
    useless = set(statuses).difference(*(output.chosen for output in given))
    if useless:
        found = f"operation_notes(statuses=...) has {min(useless)}, which no response of its return annotation can have"
        raise wiring_error(where, found, "Annotate one that can, such as JSONResponse[Item], or leave the status out")
    return given


def _may_have(output: Output, status: int, outputs: Sequence[Output]) -> bool:
    if output.response is None:
        return False
    if issubclass(output.response, Redirect):
        return status in REDIRECTIONS
    if output.has_body:
        is_redirected = any(issubclass(other.response or Response, Redirect) for other in outputs)
        return status not in BODILESS and not (is_redirected and status in REDIRECTIONS)
    return status in BODILESS or not any(other.has_body for other in outputs)


def _check_plain(members: list[Any], where: str) -> None:
    if members == [type(None)]:
        raise wiring_error(
            where, "the return annotation has None, which jero does not send", "Write NoContent, and return NoContent()"
        )
    for member in members:
        origin = class_of(member)
        if isinstance(origin, type) and issubclass(origin, AsyncIterable | Iterator):
            raise wiring_error(
                where,
                f"the return annotation is {name_of(member)}, which does not name the type of its items",
                f"Write AsyncIterator[Item], {_named(where)}",
            )


def _check_streams(outputs: tuple[Output, ...], where: str) -> None:
    streams = [output for output in outputs if output.is_stream]
    if len(streams) > 1:
        raise wiring_error(
            where,
            "the return annotation has more than one stream",
            "Keep one of them; if the client is to choose the format, return AsyncIterator[Item] or Negotiated[Item]",
        )
    is_negotiated = any(output.is_negotiated for output in streams)
    given = "AsyncIterator" if all(output.response is None for output in streams) else "Negotiated"
    if is_negotiated and any(not output.is_stream and output.has_body for output in outputs):
        raise wiring_error(
            where,
            "the return annotation has a stream without a format in a union with another response",
            f"Write {_named(where)} instead of {given}[Item]; only NoContent and Redirect can be in a union with that",
        )
    for output in streams:
        if output.response is not None and issubclass(output.response, SSEResponse) and not _is_get(where):
            raise wiring_error(
                where,
                "it returns an SSEResponse, but browsers open event streams only with GET",
                "Name the handler get, or return EventStreamResponse[Item]",
            )


def _is_get(where: str) -> bool:
    return where.endswith(".get")


def _named(where: str) -> str:
    """Returns the responses that name a format, to be written instead of a stream without one."""
    events = "SSEResponse" if _is_get(where) else "EventStreamResponse"
    return f"NDJSONStreamingResponse[Item], {events}[Item] or JSONArrayStreamingResponse[Item]"


def _check_events(outputs: tuple[Output, ...], where: str) -> None:
    """Raises `WiringError` if an event stream would mix text with JSON."""
    for output in outputs:
        is_event_stream = output.is_negotiated or getattr(output.response, "framing", None) is SSE
        if is_event_stream and output.content is not None and event_form(output.content) == "mixed":
            raise wiring_error(
                where,
                f"the items are {name_of(output.content)}, of which an event stream sends some as text and some as "
                "JSON, so that a client cannot tell them apart",
                "Use a Struct with a field for each, or NDJSONStreamingResponse[Item]",
            )
