"""What went wrong, as a problem (RFC 9457); what nobody foresaw, as a logged 500."""

import logging

from msgspec.json import Encoder

from jero.codec import DEFAULT_ENCODER
from jero.dispatch.buffered import send_response, send_whole
from jero.dispatch.exception_handlers import Answer, ExceptionHandlers
from jero.errors import ClientDisconnected, HTTPError, InternalServerError, Problem
from jero.http.asgi import Scope, Send
from jero.http.headers import raw_pairs

logger = logging.getLogger("jero.requests")


def problem_of(error: BaseException) -> Problem:
    """What the client is told of an exception: of an unexpected one, nothing of its own."""
    return (error if isinstance(error, HTTPError) else InternalServerError()).problem()


class Failures:
    """Answers the requests whose handling raised before anything was sent."""

    def __init__(self, handlers: ExceptionHandlers, encoder: Encoder = DEFAULT_ENCODER) -> None:
        self._handlers = handlers
        self._encoder = encoder

    async def answer(self, error: Exception, scope: Scope, send: Send) -> None:
        """Sends what the exception's handler says, or its problem. What is answered with 500 is logged, unless it
        was raised as an `HTTPError`; a handler that fails is logged as well.
        """
        if isinstance(error, ClientDisconnected):
            logger.debug("%s %s: %s", scope["method"], scope["path"], error)
            return
        request = f"{scope['method']} {scope['path']}"
        is_unhandled_problem = isinstance(error, HTTPError) and not self._handlers.has(error)
        try:
            answer = await self._handlers.answer(error)
        except Exception as failure:
            _log(request, error, failure)
            answer, is_logged = InternalServerError(), True
        else:
            is_logged = _status(answer) == 500 and not isinstance(error, HTTPError)
            if is_logged:
                _log(request, error)
        try:
            await self._send(answer, scope, send)
        except Exception as failure:
            _log(request, *(() if is_logged or is_unhandled_problem else (error,)), failure)
            await self._send(InternalServerError(), scope, send)

    async def refuse(self, error: Exception, scope: Scope, send: Send) -> None:
        """Answers whatever it is that the application cannot take in."""
        if scope["type"] == "http":
            await self.answer(error, scope, send)
            return
        logger.error("%s %s failed", scope["type"], scope.get("path", ""), exc_info=error)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1011})

    async def _send(self, answer: Answer, scope: Scope, send: Send) -> None:
        if not isinstance(answer, HTTPError):
            await send_response(answer, scope, send, self._encoder)
            return
        body = DEFAULT_ENCODER.encode(answer.problem())
        headers = [*raw_pairs(answer.headers), (b"content-type", b"application/problem+json")]
        await send_whole(answer.status, headers, body, scope, send)


def _status(answer: Answer) -> int:
    return answer.status if isinstance(answer, HTTPError) else answer.status_code


def _log(request: str, *errors: Exception) -> None:
    for error in errors:
        logger.error("%s failed", request, exc_info=error)
