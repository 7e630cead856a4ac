"""Reads the event stream of one request, which is sent once (WHATWG HTML, section 9.2.6)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from types import TracebackType
from typing import Any, ClassVar, Final, Generic, Self

import httpx
from typing_extensions import TypeVar

from jero.client.body import Body
from jero.client.items import read_items
from jero.client.readers import EventReader
from jero.client.refused import RequestRefused, check_media_type
from jero.client.request import EVENT_MEDIA_TYPES
from jero.framing.event import ServerSentEvent

C = TypeVar("C")
T = TypeVar("T")

# How long the end of a body may come after the last event. Then its connection serves the next request.
REST_SECONDS: Final = 0.1


class OpenedStream(Generic[C, T]):
    """Defines what the event stream of one request has in common with that of a synchronous client.

    `connection` sends the request when it is entered. `statement`: the statement that enters the stream.
    """

    statement: ClassVar[str]

    def __init__(self, connection: C, reader: EventReader[T]) -> None:
        self._connection: C | None = connection
        self._reader = reader
        self._body: Body | None = None

    @property
    def status(self) -> int:
        """Returns the status of the response."""
        return self._response.status_code

    @property
    def headers(self) -> httpx.Headers:
        """Returns the headers of the response."""
        return self._response.headers

    @property
    def _response(self) -> httpx.Response:
        if self._body is None:
            raise RuntimeError(f"The event stream has no response yet: enter it with `{self.statement}`.")
        return self._body.response

    def _take_connection(self) -> C:
        connection, self._connection = self._connection, None
        if connection is None:
            raise RuntimeError("The event stream was entered before: call `events` again for another request.")
        return connection


class EventStream(OpenedStream[AbstractAsyncContextManager[httpx.Response], T]):
    """The event stream of one request: `async with` sends the request, and `async for` yields its events.

    Entering waits for the headers of the response. At the end of the block the request is over, also if the stream is
    not. A stream is entered once. `break` leaves a loop over its events, and a second loop goes on after it. `anext`
    returns the next event, and a loop goes on after that.

    A 204 has no events. An event with empty data is a ping, unless the data is text: it is passed over, or has no data
    (`msgspec.UNSET`) if it has a name.

    Entering raises `RequestRefused` for a status outside 200 to 299, `httpx.DecodingError` for another media type, and
    the errors of httpx if no response arrives. Iterating raises `StreamCut` if the stream was cut or ended before the
    promised end, `httpx.ReadTimeout` if it stalled, `StreamFailed` if the server reports in the stream that it failed,
    and `msgspec.DecodeError` if an event's data is not a `T` or exceeds a limit. The events before an error are yielded
    first. Entering a second time, and iterating outside of the block, raise `RuntimeError`.
    """

    statement = "async with"

    def __init__(self, connection: AbstractAsyncContextManager[httpx.Response], reader: EventReader[T]) -> None:
        super().__init__(connection, reader)
        self._events: AsyncGenerator[ServerSentEvent[T], None] | None = None
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        connection = self._take_connection()
        async with AsyncExitStack() as opening:
            response = await opening.enter_async_context(connection)
            if not response.is_success:
                raise await RequestRefused.read(response)
            self._body = Body(response)
            if response.status_code == 204:
                self._events = _no_events()
            else:
                await check_media_type(response, *EVENT_MEDIA_TYPES)
                self._events = read_items(self._body, self._reader)
            self._opened = opening.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        events, self._events = self._events, None
        async with self._opened:
            if events is not None:
                await events.aclose()
            if self._body is not None and self._reader.has_ended and exc_type is None:
                await _read_rest(self._body)

    # A loop steps the generator itself: an `__aiter__` that returns `self` would cost each event a call.
    def __aiter__(self) -> AsyncIterator[ServerSentEvent[T]]:
        return self._opened_events

    def __anext__(self) -> Coroutine[Any, Any, ServerSentEvent[T]]:
        return self._opened_events.__anext__()

    @property
    def _opened_events(self) -> AsyncGenerator[ServerSentEvent[T], None]:
        if self._events is None:
            raise RuntimeError("The event stream is not open: iterate it inside of its `async with` block.")
        return self._events


async def _no_events() -> AsyncGenerator[Any, None]:
    for event in list[Any]():
        yield event


async def _read_rest(body: Body) -> None:
    with suppress(httpx.RequestError, TimeoutError):
        async with asyncio.timeout(REST_SECONDS):
            async for _ in body.chunks():
                pass
