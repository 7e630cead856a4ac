"""The response's messages, in order, from whichever side of the stream they come."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from jero.http.asgi import Message, Send, response_body


class Sender:
    """Sends the beginning of the response with the first bytes, and counts.

    `started`: the client has its status. `bytes`: what was sent of the body. `last_sent`: the event loop's time
    of the last send.
    """

    def __init__(self, send: Send, start: Message, opening: bytes) -> None:
        self._send = send
        self._start = start
        self._opening = opening
        self._loop = asyncio.get_running_loop()
        self._aside: asyncio.Task[None] | None = None
        self._sending = False
        self.started = False
        self.bytes = 0
        self.last_sent = self._loop.time()

    @property
    def busy(self) -> bool:
        """Whether a send is under way."""
        return self._sending or self._aside is not None

    async def send(self, body: bytes, *, more_body: bool = True) -> None:
        """Sends a part of the body, after what is being sent aside."""
        if self._aside is not None:
            await asyncio.wait((self._aside,))
        await self._put(body, more_body=more_body)

    async def _put(self, body: bytes, *, more_body: bool) -> None:
        self._sending = True
        try:
            if not self.started:
                self.started = True
                body = self._opening + body
                await self._send(self._start)
            await self._send(response_body(body, more_body=more_body))
        finally:
            self._sending = False
        self.bytes += len(body)
        self.last_sent = self._loop.time()

    def send_aside(self, body: bytes, on_error: Callable[[BaseException], None]) -> None:
        """Sends while the source is silent and its task waits for it: the headers alone, or a ping."""
        self.last_sent = self._loop.time()
        self._aside = self._loop.create_task(self._put_aside(self._put(body, more_body=True), on_error))

    async def _put_aside(self, put: Coroutine[Any, Any, None], on_error: Callable[[BaseException], None]) -> None:
        try:
            await put
        except Exception as error:
            on_error(error)
        finally:
            self._aside = None

    async def end_aside(self) -> None:
        """Breaks off what is being sent aside, for a client that takes nothing more."""
        if self._aside is not None:
            self._aside.cancel()
            await asyncio.wait((self._aside,))
