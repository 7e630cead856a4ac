"""The response's messages, in order, from whichever side of the stream they come."""

import asyncio
import types
from collections.abc import Awaitable, Generator
from types import CoroutineType
from typing import Any, Final, TypeAlias, cast

from jero.http.asgi import Send, response_body, response_start
from jero.streaming.overseer import Overseer
from jero.streaming.plan import StreamPlan

# What became of a part of the body.
SENT: Final = object()
BROKEN_OFF: Final = object()

# Is sent one part after the other, each when it has said what became of the last.
Parts: TypeAlias = Generator[Any, bytes, None]


class Sender:
    """Sends the beginning of the response with the first bytes, counts, and bounds how long a send may take.

    `started`: the client has its status. `bytes_sent`: of the body. `last_sent`: the event loop's time
    of the last send. The overseer is told when one fails, or takes longer than the plan's `send_timeout`.
    """

    __slots__ = ("_aside", "_loop", "_overseer", "_plan", "_send", "_sending", "bytes_sent", "last_sent", "started")

    def __init__(self, send: Send, plan: StreamPlan, overseer: Overseer) -> None:
        self._send = send
        self._plan = plan
        self._overseer = overseer
        self._loop = asyncio.get_running_loop()
        self._aside: asyncio.Task[None] | None = None
        self._sending = 0
        self.started = False
        self.bytes_sent = 0
        self.last_sent = self._loop.time()

    @property
    def busy(self) -> bool:
        """Whether a send is under way, and waits for the client."""
        return self._sending > 0 or self._aside is not None

    def parts(self) -> Parts:
        """What sends the further parts of the body, one after the other.

        What it yields that is neither `SENT` nor `BROKEN_OFF` is what `send` waits for, and the caller calls
        `begin_waiting` before it waits for that.
        """
        parts = cast(Parts, self._send_parts())
        next(parts)
        return parts

    async def send(self, body: bytes, *, more_body: bool) -> None:
        """Sends a part of the body, in bounded time."""
        timer = self.begin_waiting()
        try:
            await self._next(body, more_body=more_body)
        finally:
            self.end_waiting(timer)

    def begin_waiting(self) -> asyncio.TimerHandle:
        """The client does not take what is being sent at once."""
        self._sending += 1
        return self._loop.call_later(
            self._plan.policy.send_timeout, self._overseer.stall, context=self._overseer.context
        )

    def end_waiting(self, timer: asyncio.TimerHandle) -> None:
        """It has taken it now, or never will."""
        self._sending -= 1
        timer.cancel()
        self.last_sent = self._loop.time()

    def send_aside(self, body: bytes) -> None:
        """Sends while the source is silent and its task waits for it: the headers alone, or a ping."""
        self.last_sent = self._loop.time()
        aside = self._loop.create_task(self._put_aside(body))
        self._aside = None if aside.done() else aside  # an eager task may be

    async def end_aside(self) -> None:
        """Breaks off what is being sent aside, for a client that takes nothing more."""
        if self._aside is not None:
            self._aside.cancel()
            await asyncio.wait((self._aside,))

    @types.coroutine
    def _send_parts(self) -> Parts:
        # One generator for all of them: a coroutine's end is an exception to who steps it, which is dear for each.
        send, time = self._send, self._loop.time
        became = SENT
        sending: Any = None
        while True:
            body: Any = yield became
            try:
                if self.started and self._aside is None:
                    self.bytes_sent += len(body)
                    self.last_sent = time()
                    sending = send(response_body(body, more_body=True))
                else:
                    sending = self._next(body, more_body=True)
                if CoroutineType is not type(sending):
                    sending = _as_coroutine(sending)
                yield from sending
                became = SENT
            except asyncio.CancelledError:
                became = BROKEN_OFF
            except Exception as error:
                self._overseer.lose(error)
                became = BROKEN_OFF
            body = sending = None  # it may be long until there is another

    async def _next(self, body: bytes, *, more_body: bool) -> None:
        if self._aside is not None:
            await asyncio.wait((self._aside,))
        await self._put(body, more_body=more_body)

    async def _put(self, body: bytes, *, more_body: bool) -> None:
        if not self.started:
            self.started = True
            body = self._plan.framing.opening + body
            await self._send(response_start(self._plan.status, list(self._plan.headers)))
        await self._send(response_body(body, more_body=more_body))
        self.bytes_sent += len(body)
        self.last_sent = self._loop.time()

    async def _put_aside(self, body: bytes) -> None:
        timer = self.begin_waiting()
        try:
            await self._put(body, more_body=True)
        except Exception as error:
            self._overseer.lose(error)
        finally:
            self.end_waiting(timer)
            self._aside = None


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    """Some servers' `send` is no coroutine function, and what it gives cannot be stepped by hand."""
    await awaitable
