"""Turns a failure of the service behind the demo into a problem, which shows the client nothing internal."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import httpx

from jero import HTTPError, ServiceUnavailable, StreamFailed, TooManyRequests, Unauthorized
from jero.client import RequestRefused

_RETRY_AFTER = re.compile(r"[0-9A-Za-z ,:]{1,40}")


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
