"""Answers a request whose body is not read to its end.

A server that ends a response closes the connection, or forgets the request, even if the client still sends its body.
The client's system then reports a reset connection, and may lose the response that has arrived already; a proxy makes a
502 of it. So the rest of the body is read and dropped before the last message of the response, up to a limit of time
and size. The content is not sent earlier: granian closes the connection when the length of the response is reached.

A client that waits for `100 Continue` (RFC 9110, section 10.1.1) sends nothing, and is asked for nothing.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from jero.http.asgi import (
    BODY_HAS_ENDED,
    Message,
    Receive,
    Scope,
    Send,
    is_disconnect,
    is_response_start,
    request_header,
    request_line,
)

# Limits of reading on. A client that sends nothing for `SILENCE_SECONDS` has stopped, or waits for the response's end.
READ_ON_SECONDS: Final = 30.0
SILENCE_SECONDS: Final = 1.0
READ_ON_BYTES: Final = 67_108_864
# A message counts as this many bytes at least, because a small one costs time, too.
MESSAGE_BYTES: Final = 8_192

logger = logging.getLogger("jero.requests")

# The methods whose requests have a body only by mistake.
BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ANNOUNCING: Final = frozenset({b"content-length", b"transfer-encoding"})


class Exchange:
    """A request's channels, which notice how far the request is read.

    `has_begun`: the response has begun. `has_left`: the client was seen to leave. `reads_on`: the rest of the request
    is read before the last message. `server_send`: the `send` outside. `is_cut`: jero cut the body short, so an end
    that a middleware gives it is left out. `finish` must be called when the application is done.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, reads_on: bool = True) -> None:
        self._scope = scope
        self._receive = receive
        self.server_send = send
        self.is_cut = False
        self._held: Message | None = None
        self.reads_on = reads_on
        self.has_begun = False
        self.has_left = False

    async def receive(self) -> Message:
        """Receives a message for the application."""
        message = await self._receive()
        if is_disconnect(message):
            self.has_left = True
        else:
            self._scope[BODY_HAS_ENDED] = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Sends a message. Keeps the last message for `finish` if the request is not read to its end."""
        if is_response_start(message):
            if self.has_begun:
                raise RuntimeError("the response has begun already, and is begun a second time")
            self.has_begun = True
        elif self.is_cut:
            message = {**message, "more_body": True}
        elif self.reads_on and _is_last(message) and self._is_unread():
            self._held = message
            return
        await self.server_send(message)

    async def finish(self) -> None:
        """Reads on, and sends the last message, if `send` has kept it."""
        last, self._held = self._held, None
        if last is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(READ_ON_SECONDS):
                await self._read_on()
        self._scope[BODY_HAS_ENDED] = True  # a further exchange around this one does not try again
        with suppress(OSError):  # the server's report that the client has left (ASGI HTTP, version 2.4)
            await self.server_send(last)

    def _is_unread(self) -> bool:
        has_ended = self._scope.get(BODY_HAS_ENDED)
        if has_ended or self.has_left or not may_have_body(self._scope):
            return False
        return has_ended is not None or request_header(self._scope, b"expect") is None

    async def _read_on(self) -> None:
        size = 0
        try:
            while size < READ_ON_BYTES and self._is_unread():
                async with asyncio.timeout(SILENCE_SECONDS):
                    message = await self.receive()
                size += max(len(message.get("body", b"")), MESSAGE_BYTES)
        except Exception as error:  # silence, or a fault of a middleware: the response must be sent nevertheless
            logger.debug("%s: the rest of the body is not read: %r", request_line(self._scope), error)


def may_have_body(scope: Scope) -> bool:
    """Returns whether the request may have a body. HTTP/1 announces it; later versions may send it unannounced."""
    for name, value in scope["headers"]:
        if name in _ANNOUNCING:
            return bool(value != b"0")
    return not scope.get("http_version", "1.1").startswith("1") and scope["method"] not in BODILESS


def _is_last(message: Message) -> bool:
    return message["type"] == "http.response.body" and not message.get("more_body", False)
