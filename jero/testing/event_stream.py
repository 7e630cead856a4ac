"""Reads the event stream of one request of the synchronous test client."""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from types import TracebackType
from typing import Any, Self

import httpx
from typing_extensions import TypeVar

from jero.client.body import Body
from jero.client.event_stream import REST_SECONDS, OpenedStream
from jero.client.items import read_items_now
from jero.client.readers import EventReader
from jero.client.refused import RequestRefused, check_media_type_now
from jero.client.request import EVENT_MEDIA_TYPES
from jero.framing.event import ServerSentEvent

T = TypeVar("T")


class SyncEventStream(OpenedStream[AbstractContextManager[httpx.Response], T]):
    """The event stream of one request: `with` sends the request, and `for` yields its events.

    It behaves as `jero.client.EventStream` does with `async with`, `async for` and `anext`, and raises the same errors.
    """

    statement = "with"

    def __init__(self, connection: AbstractContextManager[httpx.Response], reader: EventReader[T]) -> None:
        super().__init__(connection, reader)
        self._events: Generator[ServerSentEvent[T], None, None] | None = None
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        connection = self._take_connection()
        with ExitStack() as opening:
            response = opening.enter_context(connection)
            if not response.is_success:
                raise RequestRefused.read_now(response)
            self._body = Body(response)
            if response.status_code == 204:
                self._events = _no_events()
            else:
                check_media_type_now(response, *EVENT_MEDIA_TYPES)
                self._events = read_items_now(self._body, self._reader)
            self._opened = opening.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        events, self._events = self._events, None
        with self._opened:
            if events is not None:
                events.close()
            if self._body is not None and self._reader.has_ended and exc_type is None:
                _read_rest(self._body)

    def __iter__(self) -> Iterator[ServerSentEvent[T]]:
        return self._opened_events

    def __next__(self) -> ServerSentEvent[T]:
        return next(self._opened_events)

    @property
    def _opened_events(self) -> Generator[ServerSentEvent[T], None, None]:
        if self._events is None:
            raise RuntimeError("The event stream is not open: iterate it inside of its `with` block.")
        return self._events


def _no_events() -> Generator[Any, None, None]:
    yield from ()


def _read_rest(body: Body) -> None:
    extensions = body.response.request.extensions
    extensions["timeout"] = {**extensions.get("timeout", {}), "read": REST_SECONDS}
    with suppress(httpx.RequestError):
        for _ in body.chunks_now():
            pass
