"""Follows one event stream over many connections (WHATWG HTML, section 9.2)."""

# Theory of operation
#
# An `EventSource` is a loop: connect, yield the events of that connection, wait, connect again. One `EventReader` lives
# through the whole loop, and keeps what the next connection needs: the last event id and the reconnection time.
#
# A connection ends in one of four ways:
#
#   status 204                        the loop ends: the server has no more events
#   the body ended                    the loop goes on, and the row of failures ends
#   a retryable error                 the loop goes on: a cut, a stall, an empty body, no server, status 429, 502, 503
#                                     or 504
#   any other error                   the loop raises the error at once
#
# A connection has failed if it ended before its body brought a byte. Headers alone do not count, since a gateway can
# send them without its server. `Reconnection.attempts` failures in a row raise the last error.
#
# The server sets the time until the next attempt: by `retry`, and by `Retry-After`. It may not set any time. Less than
# 0.1 seconds would make this client a flood, and more than `Reconnection.longest_wait` would put it to sleep for ever.
#
# The standard describes a browser, whose user can reload the page. This client departs from the standard twice: it
# retries the four statuses above, on which a browser gives up; and it gives up after `attempts`.

import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Final, Generic

import httpx
from msgspec import Struct
from typing_extensions import TypeVar

from jero.client.body import Body
from jero.client.readers import EventReader
from jero.client.refused import RequestRefused, check_media_type
from jero.client.request import EVENT_MEDIA_TYPES, last_event_id_header
from jero.client.wording import worded
from jero.framing.event import ServerSentEvent

logger = logging.getLogger("jero.client")

T = TypeVar("T")

Connect = Callable[[dict[str, bytes]], AbstractAsyncContextManager[httpx.Response]]
Sleep = Callable[[float], Awaitable[None]]

# Too many requests; a gateway without its server; an overloaded or restarting server; a gateway that timed out.
RETRYABLE_STATUSES: Final = frozenset({429, 502, 503, 504})
# `httpx.PoolTimeout` is left out: this client has too few connections, and a retry would hide that.
RETRYABLE_ERRORS: Final = (
    httpx.NetworkError,
    httpx.ConnectTimeout,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
)

_LEAST_BACKOFF: Final = 0.1
_LEAST_ASKED: Final = 0.1
_MOST_DOUBLINGS: Final = 32


class Reconnection(Struct, frozen=True, kw_only=True):
    """Sets how long a client waits before it reconnects, and how often it tries.

    `delay`: the seconds to wait if the stream has not set `retry`.
    `longest_delay`: the upper bound, in seconds, of the backoff. Each failed attempt after the first doubles the delay
    up to this bound. A longer `retry` or `Retry-After` of the server is still obeyed, up to `longest_wait`.
    `longest_wait`: the upper bound, in seconds, of a wait that the server sets. The lower bound is 0.1.
    `jitter`: the largest part of the delay that is added at random, so that many clients do not return at once.
    `attempts`: the number of failed attempts in a row after which the last error is raised; `None` for no limit. An
    attempt has not failed if it received a byte of the body.

    Raises `ValueError` if a number is negative or NaN, or if `attempts` is less than 1.
    """

    delay: float = 1.0
    longest_delay: float = 30.0
    longest_wait: float = 300.0
    jitter: float = 0.5
    attempts: int | None = 10

    def __post_init__(self) -> None:
        for field in ("delay", "longest_delay", "longest_wait", "jitter"):
            value = getattr(self, field)
            if not value >= 0:
                raise ValueError(f"Reconnection({field}={value!r}): it must be a number from 0 up.")
        if self.attempts is not None and self.attempts < 1:
            raise ValueError(f"Reconnection(attempts={self.attempts!r}): it must be at least 1, or None for no limit.")

    def seconds(self, failures: int, *, retry: int | None, retry_after: float | None, chance: float) -> float:
        """Returns the seconds to wait after `failures` failed attempts in a row.

        `retry`: the reconnection time that the stream has set, in milliseconds. `retry_after`: the seconds that the
        last response asked for. `chance`: the part of the jitter to add, from 0 to 1.

        The result is never less than the reconnection time of WHATWG HTML, section 9.2.3, within the bounds above. The
        standard allows a client to wait longer.
        """
        own = self._backoff(self.delay, failures)
        seconds = own if retry is None else self._backoff(self._allowed(retry / 1000), failures)
        if retry_after is not None:
            seconds = max(seconds, self._allowed(retry_after))
        spread = 1 + self.jitter * chance
        return min(seconds * spread, max(self.longest_wait, own * spread))

    def _backoff(self, seconds: float, failures: int) -> float:
        if failures == 0:
            return seconds
        doubled: float = max(seconds, _LEAST_BACKOFF) * 2 ** min(failures - 1, _MOST_DOUBLINGS)
        return max(seconds, min(doubled, self.longest_delay))

    def _allowed(self, asked: float) -> float:
        """Returns the seconds that a server asks for, within the bounds for a server."""
        return min(max(asked, _LEAST_ASKED), self.longest_wait)


DEFAULT_RECONNECTION: Final = Reconnection()


class EventSource(Generic[T]):
    """Reads an event stream, and reconnects when a connection ended, was cut or stalled.

    `url` names the stream in the log. `connect` sends the request with the given headers added. `reader` has the id to
    resume after. `sleep` waits for a number of seconds.
    """

    def __init__(
        self,
        url: str,
        connect: Connect,
        reader: EventReader[T],
        *,
        reconnection: Reconnection,
        sleep: Sleep,
    ) -> None:
        self._url = url
        self._connect = connect
        self._reader = reader
        self._reconnection = reconnection
        self._sleep = sleep
        self._failures = 0
        self._has_received = False
        self._is_over = False

    async def events(self) -> AsyncGenerator[ServerSentEvent[T], None]:
        """Yields events until the server answers with status 204.

        Raises a retryable error after `Reconnection.attempts` failed attempts in a row, and any other error at once.
        """
        while not self._is_over:
            error: httpx.HTTPError | None = None
            try:
                async with aclosing(self._connection()) as events:
                    async for event in events:
                        yield event
            except (*RETRYABLE_ERRORS, RequestRefused) as raised:
                error = raised
            if not self._is_over:
                await self._wait_to_reconnect(error)

    async def _connection(self) -> AsyncGenerator[ServerSentEvent[T], None]:
        """Yields the events of one connection."""
        self._reader.restart()
        self._has_received = False
        async with self._connect(last_event_id_header(self._reader.last_event_id)) as response:
            if response.status_code == 204:
                self._is_over = True
                return
            if response.status_code != 200:
                raise await RequestRefused.read(response)
            await check_media_type(response, *EVENT_MEDIA_TYPES)
            body = Body(response)
            with worded():
                async for chunk in body.chunks():
                    for piece in body.decompress(chunk):
                        self._has_received = True
                        for event in self._reader.feed(piece):
                            yield event
                body.end()
            if not self._has_received:
                raise httpx.RemoteProtocolError("The event stream ended without a byte.", request=response.request)

    async def _wait_to_reconnect(self, error: httpx.HTTPError | None) -> None:
        """Waits until the next attempt is due. Raises `error` if there is to be no further attempt."""
        self._failures = 0 if self._has_received else self._failures + 1
        if error is not None and not self._may_retry(error):
            raise error
        seconds = self._reconnection.seconds(
            self._failures,
            retry=self._reader.retry,
            retry_after=error.retry_after if isinstance(error, RequestRefused) else None,
            chance=random.random(),  # noqa: S311 - spreads the clients over time, and is not a secret
        )
        reason = "the stream ended" if error is None else repr(error)
        logger.info("%s: reconnecting in %.1f s: %s", self._url, seconds, reason)
        await self._sleep(seconds)

    def _may_retry(self, error: httpx.HTTPError) -> bool:
        if isinstance(error, RequestRefused) and error.response.status_code not in RETRYABLE_STATUSES:
            return False
        attempts = self._reconnection.attempts
        if attempts is None or self._failures < attempts:
            return True
        if attempts > 1:
            error.add_note(f"{attempts} attempts in a row have failed.")
        return False
