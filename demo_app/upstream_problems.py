"""Turns a failure of the service behind the demo into a problem, which shows the client nothing internal."""

import logging
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
import msgspec
from msgspec import Struct

from jero import HTTPError, ServiceUnavailable, StreamFailed, TooManyRequests, Unauthorized
from jero.client import RequestRefused

logger = logging.getLogger("demo_app.upstream")

# The service refuses the server's own account: its key, its credit, or what the key may do.
ACCOUNT_STATUSES: Final = frozenset({401, 402, 403, 407})
# Seconds, or a date of HTTP (RFC 9110, section 5.6.7).
_RETRY_AFTER: Final = re.compile(
    r"[0-9]{1,9}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")


class UpstreamUnauthorized(Unauthorized, type="upstream-unauthorized", title="Upstream unauthorized"):
    """The service refused this server's key."""


class UpstreamRateLimited(TooManyRequests, type="upstream-rate-limited", title="Upstream rate limited"):
    """The service accepts no more requests from this server for now."""


class UpstreamUnavailable(ServiceUnavailable, type="upstream-unavailable", title="Upstream unavailable"):
    """The service is unavailable, and sent the time when to try again."""


class UpstreamFailed(HTTPError, type="upstream-failed", title="Upstream failed", status=502):
    """The service cannot be reached, broke off, or sent something that is not an answer."""


class UpstreamTimeout(HTTPError, type="upstream-timeout", title="Upstream timeout", status=504):
    """The service took too long."""


class UpstreamRefused(Exception):
    """The service refused a request, and the gateway passes its answer on.

    `status`: the service's. `body`: its error, in the form of OpenAI's API; `None` if it sent none that may be shown.
    `headers`: its `Retry-After`.
    """

    def __init__(self, status: int, body: bytes | None, headers: Mapping[str, str]) -> None:
        super().__init__(f"The upstream answered with status {status}.")
        self.status = status
        self.body = body
        self.headers = headers


class _ErrorBody(Struct):
    error: dict[str, Any]


@contextmanager
def upstream_failures(refusal: Callable[[RequestRefused], Exception] | None = None) -> Generator[None, None, None]:
    """Raises a problem instead of what the client raises, and logs the cause.

    `refusal`: makes the exception for a status that the service refused the request with, instead of a problem.
    """
    try:
        yield
    except (httpx.HTTPError, StreamFailed, UpstreamFailed, TimeoutError, ValueError, RecursionError) as error:
        problem = refusal(error) if refusal and isinstance(error, RequestRefused) else problem_for(error)
        logger.warning("%s (%s)", problem, _causes(error))
        raise problem from None


def passed_on(error: RequestRefused) -> Exception:
    """Returns the exception for a refusal that a gateway passes on with its status.

    A refusal of the server's account is a 502: with its own status it would look as if the client's key were wrong. The
    words of the service are passed on if the client's request is at fault, and otherwise describe the server.
    """
    status, retry_after = error.response.status_code, _retry_after(error.response.headers)
    if status in ACCOUNT_STATUSES:
        return UpstreamFailed("The upstream refused this server's key.")
    if status == 429:
        return _rate_limited(retry_after)
    if 400 <= status < 500:
        return UpstreamRefused(status, _error_body(error.response), retry_after)
    if 500 <= status < 600:
        return UpstreamRefused(status, None, retry_after)
    return UpstreamFailed(f"The upstream answered with status {status}.")


def _error_body(response: httpx.Response) -> bytes | None:
    """Returns the body if it is an error in the form of OpenAI's API, and does not contain the server's key.

    The key is sought without the escapes of JSON, which may stand for any character.
    """
    key = response.request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        msgspec.json.decode(response.content, type=_ErrorBody)
    except (ValueError, RecursionError):
        return None
    return None if key and key in _unescaped(response.content) else response.content


def _unescaped(body: bytes) -> str:
    """Returns JSON with its escapes replaced. Decoding would drop the first of two fields with one name."""
    text = body.decode("utf-8", "replace")
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)


def _causes(error: BaseException | None) -> str:
    """Returns the names of the error and its causes. Their messages may contain the key, so they are left out."""
    names: list[str] = []
    while error is not None:
        names.append(type(error).__name__)
        error = error.__cause__
    return " from ".join(names)


def problem_for(error: Exception) -> HTTPError:
    """Returns the problem for an error that the client raised."""
    match error:
        case HTTPError():
            return error
        case RequestRefused():
            return _refusal(error.response.status_code, error.response.headers)
        case httpx.TimeoutException() | TimeoutError():
            return UpstreamTimeout("The upstream did not answer in time.")
        case httpx.TransportError():
            return UpstreamFailed("The upstream could not be reached, or broke off.")
        case StreamFailed():
            return UpstreamFailed("The upstream sent an error instead of an answer.")
        case _:
            return UpstreamFailed("The upstream sent something that is not an answer.")


def _refusal(status: int, headers: Mapping[str, str]) -> HTTPError:
    refusal = _REFUSALS.get(status)
    problem = None if refusal is None else refusal(_retry_after(headers))
    return problem or UpstreamFailed(f"The upstream answered with status {status}.")


def _retry_after(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the upstream's `Retry-After` (RFC 9110, section 10.2.3) if it is well formed."""
    value = headers.get("retry-after", "")
    return {"Retry-After": value} if _RETRY_AFTER.fullmatch(value) else {}


def _unauthorized(_: dict[str, str]) -> HTTPError:
    return UpstreamUnauthorized(
        "The upstream refused this server's key.", headers={"WWW-Authenticate": 'Bearer realm="upstream"'}
    )


def _rate_limited(retry_after: dict[str, str]) -> HTTPError:
    return UpstreamRateLimited("The upstream accepts no more requests for now.", headers=retry_after)


def _unavailable(retry_after: dict[str, str]) -> HTTPError | None:
    return UpstreamUnavailable("The upstream is unavailable for now.", headers=retry_after) if retry_after else None


_REFUSALS: Final[dict[int, Callable[[dict[str, str]], HTTPError | None]]] = {
    401: _unauthorized,
    403: _unauthorized,
    429: _rate_limited,
    503: _unavailable,
}
