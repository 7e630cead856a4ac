"""One event stream, over as many connections as it takes (WHATWG HTML, section 9.2)."""

import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Final, Generic

import httpx
from typing_extensions import TypeVar

from jero.client.reconnection import Reconnection
from jero.client.refused import RequestRefused, check_media_type
from jero.client.sse import EventReader
from jero.framing.event import ServerSentEvent

logger = logging.getLogger("jero.client")

T = TypeVar("T")

Connect = Callable[[dict[str, bytes]], AbstractAsyncContextManager[httpx.Response]]
Sleep = Callable[[float], Awaitable[None]]

# Too many requests; a gateway without its server; a server that is overloaded or restarts; a gateway that gave up. The
# next attempt may find them gone. Browsers give up here, and their users load the page again.
PASSING_STATUSES: Final = frozenset({429, 502, 503, 504})
# Not `httpx.PoolTimeout`: there the fault is this side's, and waiting would hide it.
PASSING_FAULTS: Final = (
    httpx.NetworkError,
    httpx.ConnectTimeout,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
)


class EventSource(Generic[T]):
    """Reads a stream of events, and connects again when it ended, was cut or stalled.

    `url` names it in the log. `connect` sends the request, with the further headers given. `last_event_id`: where to
    resume. `sleep` waits so many seconds.
    """

    def __init__(
        self,
        url: str,
        connect: Connect,
        type_: type[T],
        *,
        last_event_id: str | None,
        reconnection: Reconnection,
        sleep: Sleep,
    ) -> None:
        self._url = url
        self._connect = connect
        self._reader = EventReader(type_, last_event_id=last_event_id)
        self._reconnection = reconnection
        self._sleep = sleep
        self._failures = 0
        self._has_begun = False
        self._is_over = False

    async def events(self) -> AsyncGenerator[ServerSentEvent[T], None]:
        """The events, until the server says by the status 204 that no more come.

        A fault that may pass is raised when `Reconnection.attempts` in a row have failed, any other at once.
        """
        while not self._is_over:
            fault: httpx.HTTPError | None = None
            try:
                async with aclosing(self._connection()) as events:
                    async for event in events:
                        yield event
            except (*PASSING_FAULTS, RequestRefused) as error:
                fault = error
            if not self._is_over:
                await self._pause(fault)

    async def _connection(self) -> AsyncGenerator[ServerSentEvent[T], None]:
        self._reader.restart()
        self._has_begun = False
        async with self._connect(self._headers()) as response:
            if response.status_code == 204:
                self._is_over = True
                return
            if response.status_code != 200:
                raise await RequestRefused.read(response)
            check_media_type(response, "text/event-stream")
            async for chunk in response.aiter_bytes():
                self._has_begun = True
                for event in self._reader.feed(chunk):
                    yield event

    def _headers(self) -> dict[str, bytes]:
        last_event_id = (self._reader.last_event_id or "").strip(" \t")  # no header's value has blanks around it
        return {"Last-Event-ID": last_event_id.encode()} if last_event_id else {}

    async def _pause(self, fault: httpx.HTTPError | None) -> None:
        """Waits until the next attempt; raises the fault where none is to be made."""
        self._failures = 0 if fault is None or self._has_begun else self._failures + 1
        if fault is not None and not self._may_pass(fault):
            raise fault
        seconds = self._reconnection.seconds(
            self._failures,
            retry=self._reader.retry,
            retry_after=fault.retry_after if isinstance(fault, RequestRefused) else None,
            chance=random.random(),  # noqa: S311 - it spreads a crowd, and is no secret
        )
        reason = "the stream ended" if fault is None else repr(fault)
        logger.info("%s: connecting again in %.1f s: %s", self._url, seconds, reason)
        await self._sleep(seconds)

    def _may_pass(self, fault: httpx.HTTPError) -> bool:
        if isinstance(fault, RequestRefused) and fault.response.status_code not in PASSING_STATUSES:
            return False
        attempts = self._reconnection.attempts
        if attempts is None or self._failures < attempts:
            return True
        if attempts > 1:
            fault.add_note(f"{attempts} attempts in a row have failed.")
        return False
