"""What can go wrong, and whose fault it is.

JeroError
├── WiringError              the program's: raised at startup, before any request
├── HTTPError                answered with a problem (RFC 9457); subclass it for your own
│   ├── BadRequest           400
│   │   └── MalformedRequest 400, with the path of each fault
│   ├── Unauthorized         401
│   ├── Forbidden            403
│   ├── NotFound             404
│   ├── MethodNotAllowed     405
│   ├── NotAcceptable        406
│   ├── Conflict             409
│   ├── Gone                 410
│   ├── ContentTooLarge      413
│   ├── UnsupportedMediaType 415
│   ├── UnprocessableContent 422
│   ├── TooManyRequests      429
│   ├── InternalServerError  500, and all that is said of an unexpected exception
│   └── ServiceUnavailable   503
├── StreamFailed             raised where a stream is read: its server says that it failed
├── StreamInterrupted        given to a stream's context manager when the stream was cut short
└── ClientDisconnected       the client left while its request was being read; nobody is answered
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from msgspec import UNSET, Struct, UnsetType


class JeroError(Exception):
    """The root of every error that jero itself defines."""


class WiringError(JeroError):
    """The application contradicts itself; the message says where, what was found, and what to write instead."""


class StreamInterrupted(JeroError):
    """What a stream's context manager is left with when the stream was cut short.

    `reason` is the `StreamOutcome.reason`: "disconnected", for one.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the stream was cut short: {reason}")
        self.reason = reason


class ClientDisconnected(JeroError):
    """The client left before its request was read to the end."""


class Fault(Struct, frozen=True):
    """One fault in a request: where it stands, what it is, and a stable word for its kind."""

    loc: tuple[str | int, ...]
    msg: str
    type: str = "value_error"


class Problem(Struct, frozen=True):
    """The body of an error response: a problem detail of RFC 9457, section 3."""

    type: str
    title: str
    status: int
    detail: str | UnsetType = UNSET
    errors: tuple[Fault, ...] | UnsetType = UNSET


class StreamFailed(JeroError):
    """The server told in mid-stream that the stream failed; `problem` is what it said of it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"the stream failed: {problem.detail or problem.title}")
        self.problem = problem


class HTTPError(JeroError):
    """An error that is answered with a problem: subclass it, naming the problem by class keywords.

        class OutOfStock(HTTPError, type="out-of-stock", title="Out of stock", status=409): ...

    `detail` is shown to the client, so it holds nothing of the inside; `headers` are added to the response.
    A subclass that leaves a keyword out has its parent's.
    """

    type: ClassVar[str] = "internal-server-error"
    title: ClassVar[str] = "Internal server error"
    status: ClassVar[int] = 500

    def __init_subclass__(
        cls, *, type: str | None = None, title: str | None = None, status: int | None = None, **options: object
    ) -> None:
        super().__init_subclass__(**options)
        if status is not None and not 400 <= status <= 599:
            raise WiringError(f"{cls.__name__} has status={status}; an HTTPError has one from 400 to 599.")
        cls.type = cls.type if type is None else type
        cls.title = cls.title if title is None else title
        cls.status = cls.status if status is None else status

    def __init__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, errors: Sequence[Fault] = ()
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = tuple(errors)

    def problem(self) -> Problem:
        """The problem to send for this error."""
        return Problem(
            type=self.type,
            title=self.title,
            status=self.status,
            detail=UNSET if self.detail is None else self.detail,
            errors=self.errors or UNSET,
        )


class BadRequest(HTTPError, type="bad-request", title="Bad request", status=400):
    """The request makes no sense (RFC 9110, section 15.5.1)."""


class MalformedRequest(BadRequest, type="malformed-request", title="Malformed request"):
    """A part of the request does not have the shape that the handler declares."""


class Unauthorized(HTTPError, type="unauthorized", title="Unauthorized", status=401):
    """The request lacks valid credentials (RFC 9110, section 15.5.2, asks for a `WWW-Authenticate` header)."""


class Forbidden(HTTPError, type="forbidden", title="Forbidden", status=403):
    """The caller is known, and may not (RFC 9110, section 15.5.4)."""


class NotFound(HTTPError, type="not-found", title="Not found", status=404):
    """There is nothing here (RFC 9110, section 15.5.5)."""


class MethodNotAllowed(HTTPError, type="method-not-allowed", title="Method not allowed", status=405):
    """The path is there, the method is not (RFC 9110, section 15.5.6): sent with `Allow`."""


class NotAcceptable(HTTPError, type="not-acceptable", title="Not acceptable", status=406):
    """The client accepts none of the media types that are offered (RFC 9110, section 15.5.7)."""


class Conflict(HTTPError, type="conflict", title="Conflict", status=409):
    """The request does not fit the present state (RFC 9110, section 15.5.10)."""


class Gone(HTTPError, type="gone", title="Gone", status=410):
    """It was here and will not come back (RFC 9110, section 15.5.11)."""


class ContentTooLarge(HTTPError, type="content-too-large", title="Content too large", status=413):
    """The body is over the limit (RFC 9110, section 15.5.14)."""


class UnsupportedMediaType(HTTPError, type="unsupported-media-type", title="Unsupported media type", status=415):
    """The body is of a media type that the handler does not read (RFC 9110, section 15.5.16)."""


class UnprocessableContent(HTTPError, type="unprocessable-content", title="Unprocessable content", status=422):
    """The body is well-formed and of the wrong shape (RFC 9110, section 15.5.21)."""


class TooManyRequests(HTTPError, type="too-many-requests", title="Too many requests", status=429):
    """The caller asks too often (RFC 6585, section 4): say when to come back with a `Retry-After` header."""


class InternalServerError(HTTPError):
    """All that a client is told of an unexpected exception (RFC 9110, section 15.6.1)."""


class ServiceUnavailable(HTTPError, type="service-unavailable", title="Service unavailable", status=503):
    """Not now (RFC 9110, section 15.6.4): say when to come back with a `Retry-After` header."""
