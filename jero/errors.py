"""Defines the errors of jero.

JeroError
├── WiringError              the application is wired wrongly: raised at startup
├── HTTPError                is answered with a problem (RFC 9457); subclass it for your own errors
│   ├── BadRequest           400
│   │   └── MalformedRequest 400, with the path of each fault
│   ├── Unauthorized         401
│   ├── Forbidden            403
│   ├── NotFound             404
│   ├── MethodNotAllowed     405
│   ├── NotAcceptable        406
│   ├── RequestTimeout       408
│   ├── Conflict             409
│   ├── Gone                 410
│   ├── ContentTooLarge      413
│   ├── UnsupportedMediaType 415
│   ├── UnprocessableContent 422
│   ├── TooManyRequests      429
│   ├── InternalServerError  500, for an unexpected exception
│   ├── ServiceUnavailable   503
│   └── GatewayTimeout       504
├── StreamFailed             raised in a client whose stream failed on the server
├── StreamInterrupted        raised inside a stream's context manager if the stream was cut short
├── UnfinishedBody           raised through a middleware around jero, so that it does not complete the body
└── ClientDisconnected       the client left while its request was read; no response is sent
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, cast

from msgspec import UNSET, Struct, UnsetType

_TOO_MANY_BY_POSITION: Final = "Extra positional arguments provided"
_BY_NAME: Final = (
    "A Struct was given more arguments by position than it takes. Name them: a response that streams takes all of its "
    "arguments by name, as in EventStreamResponse(stream=...)."
)


class JeroError(Exception):
    """The base class of all errors that jero defines."""


class WiringError(JeroError):
    """An application is declared wrongly. The message has the place, what was found, and what to write instead.

    Raised while the application is wired, before the first request.
    """


class StreamInterrupted(JeroError):
    """A stream was cut short: raised inside the context manager that is the stream's source.

    `reason`: the `StreamOutcome.reason`, for example "disconnected".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the stream was cut short: {reason}")
        self.reason = reason


class UnfinishedBody(JeroError):
    """A stream was cut short. Raised out of the application, so that no middleware around it completes the body."""

    def __init__(self) -> None:
        super().__init__("the stream was cut short: its body has no end, and must not get one")


class ClientDisconnected(JeroError):
    """The client left before its request was read completely."""


class Fault(Struct, frozen=True):
    """One fault in a request.

    `loc`: the path to the fault, from the argument's name down: `("json", "items", 0, "title")`.
    `msg`: a sentence for people.
    `type`: a stable word for programs.
    """

    loc: tuple[str | int, ...]
    msg: str
    type: str = "value_error"


class Problem(Struct, frozen=True):
    """The body of an error response (RFC 9457, section 3).

    `type`: a stable word for programs to switch on.
    `title`: what the type means, the same for every occurrence.
    `status`: the status code of the response.
    `detail`: what happened in this request. Omitted if there is nothing to add.
    `errors`: each fault in the request. Omitted if the list is empty.
    """

    type: str
    title: str
    status: int
    detail: str | UnsetType = UNSET
    errors: tuple[Fault, ...] | UnsetType = UNSET


class StreamFailed(JeroError):
    """A stream failed on its server, which sent a problem in mid-stream. Raised in the client that reads the stream.

    `problem`: the problem that the server sent.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"the stream failed: {problem.detail or problem.title}")
        self.problem = problem


class HTTPError(JeroError):
    """An error that is answered with a problem (RFC 9457). Subclass it, and describe the problem by class keywords:

        class OutOfStock(HTTPError, type="out-of-stock", title="Out of stock", status=409): ...

    A subclass inherits the keywords that it leaves out. `status` is from 400 to 599; another raises `WiringError`.

    `detail`: what happened in this request. The client receives it, so keep internals out.
    `headers`: headers to add to the response.
    `errors`: each fault in the request.

    Raises `TypeError` if `detail` is not a text.
    """

    type: ClassVar[str] = "internal-server-error"
    title: ClassVar[str] = "Internal server error"
    status: ClassVar[int] = 500

    def __init_subclass__(
        cls, *, type: str | None = None, title: str | None = None, status: int | None = None, **options: object
    ) -> None:
        super().__init_subclass__(**options)
        if status is not None and not 400 <= status <= 599:
            raise WiringError(f"{cls.__name__} has status={status}; the status of an HTTPError is from 400 to 599.")
        cls.type = cls.type if type is None else type
        cls.title = cls.title if title is None else title
        cls.status = cls.status if status is None else status

    def __init__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, errors: Sequence[Fault] = ()
    ) -> None:
        if detail is not None and not isinstance(cast("object", detail), str):
            name = type(self).__name__
            raise TypeError(f"{name}({detail!r}): it takes a text for the client. The status is that of the class.")
        super().__init__(detail or self.title)
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = tuple(errors)

    def problem(self) -> Problem:
        """Returns the problem to send for this error."""
        return Problem(
            type=self.type,
            title=self.title,
            status=self.status,
            detail=UNSET if self.detail is None else self.detail,
            errors=self.errors or UNSET,
        )


class BadRequest(HTTPError, type="bad-request", title="Bad request", status=400):
    """The request is invalid (RFC 9110, section 15.5.1)."""


class MalformedRequest(BadRequest, type="malformed-request", title="Malformed request"):
    """A part of the request does not have the type that the handler declares."""


class Unauthorized(HTTPError, type="unauthorized", title="Unauthorized", status=401):
    """The request has no valid credentials (RFC 9110, section 15.5.2).

    The response must have a `WWW-Authenticate` header. If an authenticator raises the error without one, jero adds the
    authenticator's challenge.
    """


class Forbidden(HTTPError, type="forbidden", title="Forbidden", status=403):
    """The caller is known, but not permitted (RFC 9110, section 15.5.4)."""


class NotFound(HTTPError, type="not-found", title="Not found", status=404):
    """The resource does not exist (RFC 9110, section 15.5.5)."""


class MethodNotAllowed(HTTPError, type="method-not-allowed", title="Method not allowed", status=405):
    """The resource exists, but not with this method (RFC 9110, section 15.5.6). jero sends it with `Allow`."""


class NotAcceptable(HTTPError, type="not-acceptable", title="Not acceptable", status=406):
    """The client accepts none of the offered media types (RFC 9110, section 15.5.7)."""


class RequestTimeout(HTTPError, type="request-timeout", title="Request timeout", status=408):
    """The client sent nothing of its request for too long (RFC 9110, section 15.5.9)."""


class Conflict(HTTPError, type="conflict", title="Conflict", status=409):
    """The request conflicts with the state of the resource (RFC 9110, section 15.5.10)."""


class Gone(HTTPError, type="gone", title="Gone", status=410):
    """The resource is deleted for good (RFC 9110, section 15.5.11)."""


class ContentTooLarge(HTTPError, type="content-too-large", title="Content too large", status=413):
    """The request body is larger than the limit (RFC 9110, section 15.5.14)."""


class UnsupportedMediaType(HTTPError, type="unsupported-media-type", title="Unsupported media type", status=415):
    """The request body has a media type that the handler does not read (RFC 9110, section 15.5.16)."""


class UnprocessableContent(HTTPError, type="unprocessable-content", title="Unprocessable content", status=422):
    """The request body is well-formed, but does not have the declared type (RFC 9110, section 15.5.21)."""


class TooManyRequests(HTTPError, type="too-many-requests", title="Too many requests", status=429):
    """The caller sends too many requests (RFC 6585, section 4).

    Set a `Retry-After` header: the seconds until the caller may try again.
    """


class InternalServerError(HTTPError):
    """An unexpected exception (RFC 9110, section 15.6.1). The client receives nothing else about it."""


class ServiceUnavailable(HTTPError, type="service-unavailable", title="Service unavailable", status=503):
    """The server cannot handle the request now (RFC 9110, section 15.6.4).

    Set a `Retry-After` header: the seconds until the caller may try again.
    """


class GatewayTimeout(HTTPError, type="gateway-timeout", title="Gateway timeout", status=504):
    """The handler did not return in time (RFC 9110, section 15.6.5)."""


def problem_of(error: BaseException) -> Problem:
    """Returns the problem to send for an exception. Nothing of an unexpected exception is in its problem."""
    error = ungrouped(error)
    return (error if isinstance(error, HTTPError) else InternalServerError()).problem()


def ungrouped(error: Any) -> Any:
    """Returns the exception to answer instead of a group (PEP 654). Returns any other exception unchanged.

    It is the only exception inside the group, or the first if each is an `HTTPError`. Otherwise it is the group.
    """
    if not isinstance(error, ExceptionGroup):
        return error
    inside = list(_leaves(cast("ExceptionGroup[Any]", error)))
    is_same = len(inside) == 1 or all(isinstance(member, HTTPError) for member in inside)
    return inside[0] if is_same else cast("Exception", error)


def _leaves(group: ExceptionGroup[Any]) -> Iterator[Any]:
    waiting: list[Any] = [group]
    while waiting:
        error = waiting.pop()
        if isinstance(error, ExceptionGroup):
            waiting.extend(reversed(cast("ExceptionGroup[Any]", error).exceptions))
        else:
            yield error


def add_advice(error: BaseException) -> None:
    """Adds a note that says what to write, if a Struct was given too many arguments by position.

    The message of msgspec names neither the class nor its arguments.
    """
    if type(error) is not TypeError or str(error) != _TOO_MANY_BY_POSITION:
        return
    if _BY_NAME not in getattr(error, "__notes__", ()):  # an exception may be reported twice
        error.add_note(_BY_NAME)
