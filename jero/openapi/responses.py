"""Writes the responses of one operation: those that its handler returns, and the problems that it answers with."""

import inspect
from collections.abc import Collection, Iterator, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Final

import msgspec

from jero.contract.exceptions import read_answers
from jero.contract.inputs import Input
from jero.contract.operation import Operation
from jero.contract.outputs import Output
from jero.contract.problems import read_rendered
from jero.endpoint import arriving_body_limit
from jero.errors import (
    ContentTooLarge,
    GatewayTimeout,
    HTTPError,
    MalformedRequest,
    NotAcceptable,
    NotFound,
    Problem,
    RequestTimeout,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    UnprocessableContent,
    UnsupportedMediaType,
)
from jero.openapi.json_schema import Schema
from jero.openapi.media_types import MediaTypes
from jero.openapi.parameters import header_objects
from jero.openapi.schemas import Schemas
from jero.responses.whole import Redirect

PROBLEM: Final = "application/problem+json"

_STREAM_HEADERS: Final = {
    "Cache-Control": "`no-cache`, for event streams also `no-transform`, unless the handler sets another value.",
    "X-Accel-Buffering": "`no`, unless the handler sets another value: proxies must pass each item on as it arrives.",
}
# Proxies that read this header, such as nginx, do not pass it on.
_TAKEN_BY_PROXIES: Final = frozenset({"X-Accel-Buffering"})
_RETRY_HEADERS: Final = {"Retry-After": "Seconds to wait before the next attempt."}
_REFERENCE: Final = {"type": "string", "format": "uri-reference"}
_NEGOTIATED_HEADERS: Final = {"Vary": "The request headers that the response depends on."}
# The problems that jero answers with before or while it reads an argument.
_PROBLEMS_OF_INPUT: Final[dict[str, tuple[type[HTTPError], ...]]] = {
    "path": (NotFound,),
    "params": (MalformedRequest,),
    "headers": (MalformedRequest,),
    "cookies": (MalformedRequest,),
    "json": (MalformedRequest, RequestTimeout, UnsupportedMediaType, UnprocessableContent, ContentTooLarge),
    "items": (MalformedRequest, UnsupportedMediaType, UnprocessableContent, ContentTooLarge),
    "form": (MalformedRequest, RequestTimeout, UnsupportedMediaType, UnprocessableContent, ContentTooLarge),
    "content": (MalformedRequest, RequestTimeout, UnsupportedMediaType, ContentTooLarge),
    "user": (),
    "request": (),
}
# The headers of a problem that jero itself answers with. A handler that raises the same error need not send them.
_HEADERS_OF_PROBLEM: Final[dict[type[HTTPError], dict[str, str]]] = {
    NotAcceptable: _NEGOTIATED_HEADERS,
    ServiceUnavailable: _RETRY_HEADERS,
    TooManyRequests: _RETRY_HEADERS,
    Unauthorized: {"WWW-Authenticate": "How to authenticate."},
    UnsupportedMediaType: {"Accept": "The media types that the operation reads."},
}


def responses(operation: Operation, media_types: MediaTypes, schemas: Schemas) -> Schema:
    """Returns the Responses Object, by ascending status."""
    found: dict[int, Schema] = {}
    for output in operation.outputs:
        for status in output.statuses:
            _merge(found, status, _response(output, status, operation.method, media_types, schemas))
    for status, response in _error_responses(operation, media_types, schemas):
        _merge(found, status, response)
    return {str(status): found[status] for status in sorted(found)}


def _response(output: Output, status: int, method: str, media_types: MediaTypes, schemas: Schemas) -> Schema:
    response: Schema = {"description": _phrase(status)}
    always = {**(_STREAM_HEADERS if output.is_stream else {}), **(_NEGOTIATED_HEADERS if output.is_negotiated else {})}
    headers: dict[str, Schema] = {
        name: {
            "description": description,
            **({} if name in _TAKEN_BY_PROXIES else {"required": True}),
            "schema": {"type": "string"},
        }
        for name, description in always.items()
    }
    if output.response is not None and issubclass(output.response, Redirect):
        headers["Location"] = {"description": "The URL to go to.", "required": True, "schema": _REFERENCE}
    headers |= dict(header_objects(output.headers, schemas))
    if headers:
        response["headers"] = headers
    content = media_types.sent(output, method)
    if content:
        response["content"] = content
    return response


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _error_responses(operation: Operation, media_types: MediaTypes, schemas: Schemas) -> Iterator[tuple[int, Schema]]:
    """Yields the status and the Response Objects of the errors: jero's own, and those that `errors` lists.

    An error is a problem, unless the exception handler that answers it, or what renders the problems of its path, says
    otherwise.
    """
    refusals = frozenset(_refusals(operation))
    errors = sorted({*refusals, *operation.notes.errors}, key=lambda error: (error.status, error.type, error.__name__))
    for status, group in groupby(errors, key=lambda error: error.status):
        same = list(group)
        response: Schema = {"description": "; ".join(dict.fromkeys(error.title for error in same))}
        headers = {
            name: {"description": description, "schema": {"type": "string"}}
            for error in same
            if error in refusals
            for name, description in _HEADERS_OF_PROBLEM.get(error, {}).items()
        }
        if headers:
            response["headers"] = headers
        answers = {error: _answers(error, operation) for error in same}
        examples = {error.type: _example(error) for error in same if None in answers[error]}
        if examples:
            response["content"] = {PROBLEM: {"schema": schemas.of(Problem), "examples": examples}}
        yield status, response
        for output in dict.fromkeys(output for found in answers.values() for output in found):
            if output is not None:
                written = _response(output, status, operation.method, media_types, schemas)
                yield status, {**written, "description": response["description"]}


def _answers(error: type[HTTPError], operation: Operation) -> Sequence[Output | None]:
    """Returns what the error is answered with, as far as that is known. `None` is the error's own problem."""
    handler = operation.exception_handlers.find(error)
    answers: Sequence[Output | None] = [None] if handler is None else read_answers(handler.function)
    if operation.renderer is None or None not in answers:
        return answers
    return [*read_rendered(operation.renderer), *(answer for answer in answers if answer is not None)]


def _refusals(operation: Operation) -> Iterator[type[HTTPError]]:
    """Yields the errors that jero itself answers requests of the operation with."""
    for argument in _inputs(operation):
        yield from _refusals_of(argument, operation)
    if operation.authentication is not None:
        yield Unauthorized
    if operation.endpoint.handler_timeout is not None and inspect.iscoroutinefunction(operation.handler):
        yield GatewayTimeout
    if any(output.is_negotiated for output in operation.outputs):
        yield from (MalformedRequest, NotAcceptable)
    if any(output.is_stream for output in operation.outputs):
        yield ServiceUnavailable
        if operation.stream_policy.max_per_caller is not None:
            yield TooManyRequests


def _refusals_of(argument: Input, operation: Operation) -> Iterator[type[HTTPError]]:
    never_raised = _never_raised(argument, operation)
    return (problem for problem in _PROBLEMS_OF_INPUT[argument.name] if problem not in never_raised)


def _inputs(operation: Operation) -> Iterator[Input]:
    """Yields what the handler and its dependencies take. An authenticator's `path` is answered like theirs."""
    yield from operation.taken
    if operation.authentication is not None:
        yield from (argument for argument in operation.authentication.inputs if argument.name == "path")


def _never_raised(argument: Input, operation: Operation) -> Collection[type[HTTPError]]:
    """Returns the problems of a raw body that do not arise because it is read as it arrives: in time, and in size."""
    if argument.name != "content" or not argument.is_stream:
        return ()
    is_unbounded = arriving_body_limit(operation.endpoint) is None
    return (RequestTimeout, ContentTooLarge) if is_unbounded else (RequestTimeout,)


def _example(error: type[HTTPError]) -> Schema:
    example: Schema = {"summary": error.title}
    if error.__doc__ and error.__module__ != HTTPError.__module__:  # jero's own docstrings address those who raise them
        example["description"] = inspect.cleandoc(error.__doc__)
    example["value"] = msgspec.to_builtins(Problem(type=error.type, title=error.title, status=error.status))
    return example


def _merge(found: dict[int, Schema], status: int, response: Schema) -> None:
    """Adds a response. If the status has one already, the two become one, with the headers and content of both."""
    present = found.setdefault(status, response)
    if present is response:
        return
    if present["description"] != response["description"]:
        present["description"] += f"; {response['description']}"
    _add_headers(present, response.get("headers", {}))
    for media_type, content in response.get("content", {}).items():
        contents = present.setdefault("content", {})
        contents[media_type] = _either(contents[media_type], content) if media_type in contents else content


def _add_headers(present: Schema, headers: dict[str, Schema]) -> None:
    """Adds headers. Only those that both responses always have stay required."""
    common = present.get("headers", {})
    for name, header in [*common.items(), *headers.items()]:
        if not (name in common and name in headers and headers[name].get("required")):
            header.pop("required", None)
    if headers:
        present["headers"] = {**headers, **common}


def _either(one: Schema, other: Schema) -> Schema:
    """Returns content that fits either schema. The schemas are still empty here, so they cannot be compared."""
    return {
        keyword: {"anyOf": [*one[keyword].get("anyOf", (one[keyword],)), other[keyword]]}
        for keyword in ("schema", "itemSchema")
        if keyword in one and keyword in other
    }
