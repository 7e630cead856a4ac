"""Asks services of models: with a limit for each wait, and one service after the other until one answers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import TypeVar

import httpx
from msgspec import Raw, ValidationError
from msgspec.json import decode, encode

from jero import ServerSentEvent, UnprocessableContent
from jero.client import EventStream, RequestRefused, StreamClient, Until

# Seconds. A real model needs more time for its first event, such as 30.
CONNECT = 1.0
FIRST_EVENT = 2.0
NEXT_EVENT = 30.0
WHOLE_ANSWER = 120.0
# Before the services are asked again, or longer if their `Retry-After` says so.
DELAYS = (0.2, 0.4)
LONGEST_DELAY = 1.0
# Statuses that a gateway passes on. The others are not refusals, or refuse the gateway's own account.
PASSED_ON = frozenset(range(400, 600)) - {401, 402, 403, 407}

Request = dict[str, Raw]
# The first event, or `None` if the stream has ended without one, and the stream.
Begun = tuple[ServerSentEvent[Raw] | None, EventStream[Raw]]
T = TypeVar("T")


def read(request: Request, type_: type[T]) -> T:
    """Decodes the fields that the gateway itself knows. Raises `UnprocessableContent` if one of them is wrong."""
    try:
        return decode(encode(request), type=type_)
    except ValidationError as error:
        raise UnprocessableContent(str(error)) from error


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

    def __init__(self, http: httpx.AsyncClient, path: str, until: Until[Raw]) -> None:
        self._http = http
        self._streams = StreamClient(client=http)
        self._path = path
        self._until = until

    async def begin(self, request: Request, seconds: float, opened: AsyncExitStack) -> Begun:
        """Returns a stream whose first event has come in time. `opened` closes the stream."""
        stream = self._streams.events(self._path, Raw, method="POST", json=request, until=self._until)
        async with asyncio.timeout(seconds), AsyncExitStack() as opening:
            await opening.enter_async_context(stream)
            first = await next_event(stream)
            opened.push_async_exit(opening.pop_all())
        return first, stream

    async def complete(self, request: Request) -> Raw:
        headers = {"Content-Type": "application/json"}
        response = await self._http.post(self._path, content=encode(request), headers=headers)
        if not response.is_success:
            raise RequestRefused(response)
        return decode(response.content, type=Raw)


class Upstreams:
    """Services with the same models, the preferred one first."""

    def __init__(self, clients: Iterable[httpx.AsyncClient], path: str, until: Until[Raw]) -> None:
        self._services = [Service(http, path, until) for http in clients]

    async def complete(self, request: Request) -> Raw:
        return await self._first_to_answer(lambda service: service.complete(request))

    async def events(self, request: Request) -> AsyncGenerator[ServerSentEvent[Raw], None]:
        now = asyncio.get_running_loop().time
        share = FIRST_EVENT / len(self._services)
        async with asyncio.timeout(FIRST_EVENT) as deadline, AsyncExitStack() as opened:
            event, stream = await self._first_to_answer(lambda service: service.begin(request, share, opened))
            while event is not None:
                deadline.reschedule(None)  # the client may take its time
                yield event
                deadline.reschedule(now() + NEXT_EVENT)
                event = await next_event(stream)

    async def _first_to_answer(self, ask: Callable[[Service], Awaitable[T]]) -> T:
        """Returns the answer, or the begun stream, of the first service that has one. Asks no other one after that."""
        delays = iter(DELAYS)
        while True:
            failures: list[httpx.HTTPError | TimeoutError] = []
            for service in self._services:
                try:
                    return await ask(service)
                except (httpx.HTTPError, TimeoutError) as error:
                    if not is_temporary(error):
                        raise
                    failures.append(error)
            first_free = min(failures, key=retry_after)
            delay = next(delays, None)
            if delay is None or retry_after(first_free) > LONGEST_DELAY:
                raise first_free
            await asyncio.sleep(max(delay, retry_after(first_free)))


async def next_event(stream: EventStream[Raw]) -> ServerSentEvent[Raw] | None:
    """Returns the next event, or `None` after the last. A ping shows that the connection is alive, not the model."""
    async for event in stream:
        if event.event != "ping":
            return event
    return None


def is_temporary(error: httpx.HTTPError | TimeoutError) -> bool:
    if isinstance(error, RequestRefused):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return not isinstance(error, httpx.ReadTimeout)  # of a whole answer: the next service would be as slow


def retry_after(error: httpx.HTTPError | TimeoutError) -> float:
    return (isinstance(error, RequestRefused) and error.retry_after) or 0.0
