"""Sends a channel's streams to clients, without a server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from typing import Any

from jero import (
    Endpoint,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    ResumeHeaders,
    ServerSentEvent,
    SSEResponse,
    StreamOutcome,
)
from jero.channels import Channel, Subscription
from jero.http.asgi import Message
from tests.application import Application, http_scope
from tests.channels.reading import PATIENCE, Note


class EventsEndpoint(Endpoint, path="/events"):
    def __init__(self, channel: Channel[Any]) -> None:
        self._channel = channel

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Note]:
        return SSEResponse(stream=self._channel.subscribe(after=headers.last_event_id))


class LinesEndpoint(Endpoint, path="/lines"):
    def __init__(self, channel: Channel[Any]) -> None:
        self._channel = channel

    async def get(self, headers: ResumeHeaders) -> NDJSONStreamingResponse[Note | ServerSentEvent[Note]]:
        return NDJSONStreamingResponse(stream=self._channel.subscribe(after=headers.last_event_id))


class ArrayEndpoint(Endpoint, path="/array"):
    def __init__(self, channel: Channel[Any]) -> None:
        self._channel = channel

    async def get(self, headers: ResumeHeaders) -> JSONArrayStreamingResponse[Note | ServerSentEvent[Note]]:
        return JSONArrayStreamingResponse(stream=self._channel.subscribe(after=headers.last_event_id))


class NegotiatedEndpoint(Endpoint, path="/negotiated"):
    def __init__(self, channel: Channel[Any]) -> None:
        self._channel = channel

    async def get(self, headers: ResumeHeaders) -> AsyncIterable[ServerSentEvent[Note]]:
        return self._channel.subscribe(after=headers.last_event_id)


class LifecycleEndpoint(Endpoint, path="/lifecycle"):
    def __init__(self, channel: Channel[Any]) -> None:
        self._channel = channel

    async def get(self) -> SSEResponse[Note]:
        return SSEResponse(stream=self._stream())

    async def _stream(self) -> AsyncGenerator[Subscription[Any], StreamOutcome]:
        yield self._channel.subscribe()


class ChosenEndpoint(Endpoint, path="/chosen"):
    def __init__(self, channel: Channel[Any]) -> None:
        self._channel = channel

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Note]:
        return SSEResponse(stream=self._even(headers.last_event_id))

    async def _even(self, after: str | None) -> AsyncIterator[ServerSentEvent[Note]]:
        async for event in self._channel.subscribe(after=after):
            if event.event == "gap" or (isinstance(event.data, Note) and event.data.number % 2 == 0):
                yield event


class Watching(Application):
    """Records the outcomes of its streams."""

    def __init__(self, channel: Channel[Any], **options: Any) -> None:
        super().__init__(
            EventsEndpoint(channel),
            LinesEndpoint(channel),
            ArrayEndpoint(channel),
            NegotiatedEndpoint(channel),
            LifecycleEndpoint(channel),
            ChosenEndpoint(channel),
            **options,
        )
        self.outcomes: list[StreamOutcome] = []

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


class Visitor:
    """A client: makes one request and records the answer's messages. It accepts none while `reads` is not set."""

    def __init__(self, app: Application, path: str, last_event_id: str | None = None, accept: str = "*/*") -> None:
        self.sent: list[Message] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._left = asyncio.Event()
        headers = [(b"accept", accept.encode())]
        headers += [] if last_event_id is None else [(b"last-event-id", last_event_id.encode())]
        self.request = asyncio.create_task(app(http_scope(path=path, headers=headers), self._receive, self._send))

    @property
    def chunks(self) -> list[bytes]:
        """Returns the parts of the body, one for each send."""
        return [message["body"] for message in self.sent if message.get("body")]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def has_read(self, event_id: str) -> Callable[[], bool]:
        """Returns a function that returns whether the event with that id has arrived."""
        return lambda: event_id.encode() in self.body

    async def leave(self) -> None:
        """Disconnects, and waits until the stream is over."""
        self._left.set()
        self.reads.set()
        async with asyncio.timeout(PATIENCE):
            await self.request

    async def _receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        self.sent.append(message)
