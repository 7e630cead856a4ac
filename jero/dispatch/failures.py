"""What went wrong, as a problem (RFC 9457); what nobody foresaw, as a logged 500."""

import logging

from jero.codec import DEFAULT_ENCODER
from jero.dispatch.buffered import send_whole
from jero.errors import ClientDisconnected, HTTPError, InternalServerError, Problem
from jero.http.asgi import HeaderPairs, Scope, Send
from jero.http.headers import raw_pairs

logger = logging.getLogger("jero.requests")


def problem_of(error: BaseException) -> Problem:
    """What the client is told of an exception: of an unexpected one, nothing of its own."""
    return (error if isinstance(error, HTTPError) else InternalServerError()).problem()


async def send_failure(error: Exception, scope: Scope, send: Send) -> None:
    """Answers a request whose handling raised before anything was sent."""
    if isinstance(error, ClientDisconnected):
        logger.debug("%s %s: %s", scope["method"], scope["path"], error)
        return
    headers: HeaderPairs = []
    problem = problem_of(error)
    try:
        body = DEFAULT_ENCODER.encode(problem)
        if isinstance(error, HTTPError):
            headers = raw_pairs(error.headers)
    except (TypeError, ValueError) as unsendable:
        error, problem = unsendable, problem_of(unsendable)
        body = DEFAULT_ENCODER.encode(problem)
    if not isinstance(error, HTTPError):
        logger.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
    headers.append((b"content-type", b"application/problem+json"))
    await send_whole(problem.status, headers, body, scope, send)
