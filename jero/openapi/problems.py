"""Which problems an operation can answer with, and their Response Objects."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.inspect import AnyType, CollectionType, Metadata, RawType, StrType, StructType, Type, UnionType

from jero.contract.inputs import BODIES, Input
from jero.contract.operation import Operation
from jero.endpoint import arriving_body_limit
from jero.errors import (
    ContentTooLarge,
    HTTPError,
    MalformedRequest,
    NotAcceptable,
    NotFound,
    Problem,
    ServiceUnavailable,
    Unauthorized,
    UnprocessableContent,
    UnsupportedMediaType,
)
from jero.openapi.schemas import Schema, Schemas

PROBLEM: Final = "application/problem+json"

_Refusals: TypeAlias = Iterable[type[HTTPError]]
_REPEATING: Final = ("params", "headers")
# What jero says beside the problem, where it is the one that refuses.
_HEADERS: Final[dict[type[HTTPError], dict[str, str]]] = {
    NotAcceptable: {"Vary": "What the answer depends on."},
    ServiceUnavailable: {"Retry-After": "Seconds to wait before coming back."},
    Unauthorized: {"WWW-Authenticate": "How to authenticate."},
    UnsupportedMediaType: {"Accept": "The media types that are read."},
}


def problem_responses(operation: Operation, schemas: Schemas) -> Iterator[tuple[int, Schema]]:
    """The Response Objects of the problems, by status: those that jero answers with, and those that `errors` name."""
    refusals = frozenset(_refusals(operation))
    errors = sorted({*refusals, *operation.notes.errors}, key=lambda error: (error.status, error.type, error.__name__))
    for status, group in groupby(errors, key=lambda error: error.status):
        same = list(group)
        response: Schema = {"description": "; ".join(dict.fromkeys(error.title for error in same))}
        headers = {
            name: {"description": description, "schema": {"type": "string"}}
            for error in same
            if error in refusals
            for name, description in _HEADERS.get(error, {}).items()
        }
        if headers:
            response["headers"] = headers
        examples = {error.type: _example(error) for error in same}
        response["content"] = {PROBLEM: {"schema": schemas.of(Problem), "examples": examples}}
        yield status, response


def _example(error: type[HTTPError]) -> Schema:
    example: Schema = {"summary": error.title}
    if error.__doc__ and error.__module__ != HTTPError.__module__:  # those of jero speak to whoever raises them
        example["description"] = inspect.cleandoc(error.__doc__)
    example["value"] = msgspec.to_builtins(Problem(type=error.type, title=error.title, status=error.status))
    return example


def _refusals(operation: Operation) -> Iterator[type[HTTPError]]:
    """What jero itself refuses requests of the operation with."""
    for one in operation.inputs:
        yield from _OF_INPUT[one.name](one)
    if any(one.name in BODIES and _is_bounded(one, operation) for one in operation.inputs):
        yield ContentTooLarge
    if operation.authentication is not None:
        yield Unauthorized
    if any(output.is_negotiated for output in operation.outputs):
        yield from (MalformedRequest, NotAcceptable)
    if any(output.is_stream for output in operation.outputs):
        yield ServiceUnavailable


def _is_bounded(body: Input, operation: Operation) -> bool:
    """Whether a body can be too large; of items each line is bounded."""
    return body.name != "content" or not body.is_stream or arriving_body_limit(operation.endpoint) is not None


def _of_path(one: Input) -> _Refusals:
    return (NotFound,) if _can_fail(one, is_given=True) else ()


def _of_params(one: Input) -> _Refusals:
    return (MalformedRequest,)  # a query need not be percent-encoded UTF-8, whatever it holds


def _of_pairs(one: Input) -> _Refusals:
    return (MalformedRequest,) if _can_fail(one) else ()


def _of_json(one: Input) -> _Refusals:
    info = msgspec.inspect.type_info(one.type)
    return (
        MalformedRequest,
        UnsupportedMediaType,
        *(() if isinstance(info, AnyType | RawType) else (UnprocessableContent,)),
    )


def _of_none(one: Input) -> _Refusals:
    return ()


_OF_INPUT: Final[dict[str, Callable[[Input], _Refusals]]] = {
    "path": _of_path,
    "params": _of_params,
    "headers": _of_pairs,
    "cookies": _of_pairs,
    "json": _of_json,
    "items": _of_json,
    "content": _of_none,
    "user": _of_none,
}


def _can_fail(one: Input, *, is_given: bool = False) -> bool:
    """Whether there are texts that the Struct cannot be made of; `is_given`: each field has one."""
    info: Any = msgspec.inspect.type_info(one.type)
    if not isinstance(info, StructType) or hasattr(info.cls, "__post_init__") or info.forbid_unknown_fields:
        return True
    may_repeat = one.name in _REPEATING
    return any(
        (field.required and not is_given) or not _takes_any_text(field.type, may_repeat=may_repeat)
        for field in info.fields
    )


def _takes_any_text(info: Type, *, may_repeat: bool = False) -> bool:
    if isinstance(info, Metadata):
        return _takes_any_text(info.type, may_repeat=may_repeat)
    if isinstance(info, UnionType):
        return any(_takes_any_text(member, may_repeat=may_repeat) for member in info.types)
    if isinstance(info, CollectionType):
        return may_repeat and info.min_length is None and info.max_length is None and _takes_any_text(info.item_type)
    if isinstance(info, StrType):
        return info.min_length is None and info.max_length is None and info.pattern is None
    return isinstance(info, AnyType)
