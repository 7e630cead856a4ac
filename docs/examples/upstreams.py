"""Asks services of models: with a limit for each wait, and one service after the other if they are busy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import TypeVar

import httpx
from msgspec import Raw
from msgspec.json import decode, encode

from jero import ServerSentEvent
from jero.client import EventStream, RequestRefused, StreamClient

# Seconds. A real model needs more time for its first event, such as 30.
CONNECT = 1.0
FIRST_EVENT = 2.0
NEXT_EVENT = 30.0
WHOLE_ANSWER = 120.0
# Before the services are asked again, or longer if their `Retry-After` says so.
DELAYS = (0.2, 0.4)
LONGEST_DELAY = 1.0

Request = dict[str, Raw]
Until = str | Callable[[ServerSentEvent[Raw]], bool]
T = TypeVar("T")


def http_client(url: str, headers: dict[str, str]) -> httpx.AsyncClient:
    """Returns a client of one service. Each open stream needs a connection, so their number has no limit."""
    return httpx.AsyncClient(
        base_url=url,
        headers=headers,
        timeout=httpx.Timeout(WHOLE_ANSWER, connect=CONNECT),
        limits=httpx.Limits(max_connections=None),
    )


class Service:
    """One service: answers a request with a stream, or whole."""

    def __init__(self, http: httpx.AsyncClient, path: str, until: Until) -> None:
        self._http = http
        self._streams = StreamClient(client=http)
        self._path = path
        self._until = until

    def stream(self, request: Request) -> EventStream[Raw]:
        return self._streams.events(self._path, Raw, method="POST", json=request, until=self._until)

    async def complete(self, request: Request) -> Raw:
        headers = {"Content-Type": "application/json"}
        response = await self._http.post(self._path, content=encode(request), headers=headers)
        if not response.is_success:
            raise RequestRefused(response)
        return decode(response.content, type=Raw)


class Upstreams:
    """Services with the same models, the preferred one first."""

    def __init__(self, clients: Iterable[httpx.AsyncClient], path: str, until: Until) -> None:
        self._services = [Service(http, path, until) for http in clients]

    async def complete(self, request: Request) -> Raw:
        return await self._first_to_accept(lambda service: service.complete(request))

    async def events(self, request: Request) -> AsyncIterator[ServerSentEvent[Raw]]:
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(FIRST_EVENT) as deadline, AsyncExitStack() as opened:
            events = await self._first_to_accept(
                lambda service: opened.enter_async_context(service.stream(request)),
            )
            async for event in events:
                if event.event == "ping":  # the connection is alive, which does not mean that the model is
                    continue
                deadline.reschedule(None)  # the client may take its time
                yield event
                deadline.reschedule(now() + NEXT_EVENT)

    async def _first_to_accept(self, ask: Callable[[Service], Awaitable[T]]) -> T:
        """Returns the answer of the first service that accepts the request. No other request is sent after that."""
        delays = iter(DELAYS)
        while True:
            failures: list[httpx.HTTPError] = []
            for service in self._services:
                try:
                    return await ask(service)
                except (RequestRefused, httpx.ConnectError, httpx.ConnectTimeout) as error:
                    if not is_temporary(error):
                        raise
                    failures.append(error)
            first_free = min(failures, key=retry_after)
            delay = next(delays, None)
            if delay is None or retry_after(first_free) > LONGEST_DELAY:
                raise first_free
            await asyncio.sleep(max(delay, retry_after(first_free)))


def is_temporary(error: httpx.HTTPError) -> bool:
    return not isinstance(error, RequestRefused) or error.response.status_code in (429, 503, 529)


def retry_after(error: httpx.HTTPError) -> float:
    return (isinstance(error, RequestRefused) and error.retry_after) or 0.0
