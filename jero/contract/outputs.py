"""What a handler gives: its return annotation, as the responses that it can be."""

import inspect
import typing
from collections.abc import AsyncIterable, Callable, Iterator, Mapping
from typing import Any, Final, cast

from msgspec import Struct

from jero.contract.annotations import (
    check_type,
    is_struct,
    name_of,
    one_line_types,
    union_members,
    wiring_error,
)
from jero.responses.base import H, Response
from jero.responses.buffered import NoContent
from jero.responses.streaming import FramedResponse, SSEResponse

_WITHOUT_FORMAT: Final[tuple[Any, ...]] = (Response, FramedResponse)


class Output(Struct, frozen=True):
    """One kind of response: `response` is its class, or `None` for a plain value; `content` the type of its content
    or of a stream's items, `headers` that of its typed headers;
    `one_line` the classes among a stream's items whose JSON is on one line.
    """

    response: type[Response[Any]] | None
    content: Any = None
    headers: type[Struct] | None = None
    one_line: frozenset[type] = frozenset()

    @property
    def is_stream(self) -> bool:
        """Whether the body is made as it is sent."""
        return self.response is not None and issubclass(self.response, FramedResponse)


def read_outputs(
    handler: Callable[..., Any], hints: Mapping[str, Any], where: str, *, has_enc_hook: bool
) -> tuple[Output, ...]:
    """The kinds of response that the handler declares. Raises `WiringError` for one that jero does not send."""
    if not inspect.iscoroutinefunction(handler):
        raise wiring_error(
            where,
            "the handler is an async generator"
            if inspect.isasyncgenfunction(handler)
            else "the handler is not async def",
            "Write an async def that returns its response; a stream comes from another method: "
            "return NDJSONStreamingResponse(stream=self._items())",
        )
    if "return" not in hints:
        raise wiring_error(
            where, "the return annotation is missing", "Say what is sent: a Struct, SSEResponse[Item], ..."
        )
    outputs = tuple(_read_members(hints["return"], where))
    for output in outputs:
        if output.content is not None:
            check_type(output.content, f"{where}, return annotation", allow_custom=has_enc_hook)
    _check_streams(outputs, where)
    return outputs


def _read_members(annotation: Any, where: str) -> Iterator[Output]:
    plain: list[Any] = []
    for member in union_members(annotation):
        origin = typing.get_origin(member) or member
        if isinstance(origin, type) and issubclass(origin, Response):
            yield _read_response(member, cast("type[Response[Any]]", origin), where)
        elif member in (str, bytes):
            yield Output(None, member)
        else:
            plain.append(member)
    if plain:
        _check_plain(plain, where)
        union = plain[0]
        for member in plain[1:]:
            union = union | member
        yield Output(None, union)


def _read_response(annotation: Any, origin: type[Response[Any]], where: str) -> Output:
    if origin in _WITHOUT_FORMAT:
        raise wiring_error(where, f"{origin.__name__} names no wire format", "Use a subclass that sets framing")
    parameters: tuple[Any, ...] = getattr(origin, "__parameters__", ())
    arguments: dict[Any, Any] = dict(zip(parameters, typing.get_args(annotation), strict=False))
    headers = arguments.pop(H, None)
    if headers in (None, type(None)):
        headers = None
    elif not is_struct(headers):
        raise wiring_error(where, f"the headers of {origin.__name__} are of type {name_of(headers)}", "Give a Struct")
    content = next(iter(arguments.values()), None)
    one_line = one_line_types(content) if issubclass(origin, FramedResponse) else frozenset[type]()
    return Output(cast("type[Response[Any]]", origin), content, headers, one_line)


def _check_plain(members: list[Any], where: str) -> None:
    if members == [type(None)]:
        raise wiring_error(
            where, "the return annotation has None for what has no body", "Write NoContent, and return NoContent()"
        )
    for member in members:
        origin = typing.get_origin(member) or member
        if isinstance(origin, type) and issubclass(origin, AsyncIterable | Iterator):
            raise wiring_error(
                where,
                f"the return annotation is {name_of(member)}, which names no wire format",
                "Write NDJSONStreamingResponse[Item], SSEResponse[Item] or JSONArrayStreamingResponse[Item]",
            )


def _check_streams(outputs: tuple[Output, ...], where: str) -> None:
    streams = [output for output in outputs if output.is_stream]
    beside = [output for output in outputs if not output.is_stream and output.response is not NoContent]
    if len(streams) > 1 or (streams and beside):
        raise wiring_error(
            where,
            "the return annotation has a stream in a union with another response",
            "Beside a stream only NoContent can stand",
        )
    for output in streams:
        if output.response is not None and issubclass(output.response, SSEResponse) and not where.endswith(".get"):
            raise wiring_error(
                where,
                "it returns an SSEResponse, and browsers open event streams by GET alone",
                "Name the handler get, or return NDJSONStreamingResponse",
            )
