"""The sessions of an MCP server: calls and feeds that outlive the connections on which clients read them."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from secrets import token_urlsafe
from typing import Any, Final, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from jero import BadRequest, Conflict, NotFound, ServerSentEvent, TooManyRequests
from jero.channels import Channel, MemoryStore

logger = logging.getLogger("mcp_session")

FEED: Final = "feed"
MAX_SESSIONS: Final = 1_000
MAX_CALLS: Final = 10


class Fault(Struct):
    code: int
    message: str


class Outgoing(Struct, kw_only=True):
    """A response of JSON-RPC 2.0; without an id, a notification."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: str | int | UnsetType = UNSET
    result: Any = UNSET
    error: Fault | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: Any = UNSET


class Sent(Struct):
    """Is kept in the channel: a message of a stream, or its end, or else the sign that a new reader has come."""

    stream: str
    message: Outgoing | None = None
    is_end: bool = False


RequestId: TypeAlias = str | int
Event: TypeAlias = ServerSentEvent[Any]
Notify: TypeAlias = Callable[[str, Any], Awaitable[None]]
Tool: TypeAlias = Callable[[Notify], Coroutine[Any, Any, Any]]


class Session:
    """One client. It has a stream for each call, and one more, the feed. One channel has the messages of all."""

    def __init__(self, store: MemoryStore) -> None:
        self.id = token_urlsafe(32)
        self._channel = Channel(store, "messages", Sent)
        self._feed_read_to: str | None = None
        self._readers: dict[str, object] = {}
        self._calls: dict[RequestId, asyncio.Task[Any]] = {}
        self._runs: set[asyncio.Task[None]] = set()
        self._numbers = count(1)

    async def begin(self) -> None:
        self._feed_read_to = await self._channel.publish(Sent(FEED))

    async def notify(self, method: str) -> None:
        """Sends a notification to the feed, where it waits if nobody reads."""
        await self._send(FEED, method)

    async def call(self, request_id: RequestId, tool: Tool) -> AsyncGenerator[AsyncIterable[Event], None]:
        """Runs a tool in a task of its own, so that a client that leaves does not cancel it."""
        if request_id in self._calls:
            raise Conflict("A request with this id is running.")
        if len(self._calls) >= MAX_CALLS:
            raise TooManyRequests("Too many calls are running.")
        stream = f"call{next(self._numbers)}"
        beginning = await self._channel.publish(Sent(stream))
        call = self._calls[request_id] = asyncio.create_task(tool(partial(self._send, stream)))
        run = asyncio.create_task(self._run(stream, request_id, call))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        yield self._read(stream, beginning)

    def resume(self, last_event_id: str | None) -> AsyncIterator[Event]:
        """Returns the rest of the stream that the event belongs to; without an event, the rest of the feed."""
        if not last_event_id:
            return self._read(FEED, self._feed_read_to)
        stream, _, after = last_event_id.rpartition(".")
        return self._read(stream, after)

    def cancel(self, request_id: RequestId) -> None:
        if request_id in self._calls:
            self._calls[request_id].cancel()

    async def end(self) -> None:
        while self._runs:
            for call in self._calls.values():
                call.cancel()
            await asyncio.wait(self._runs)

    async def _read(self, stream: str, after: str | None) -> AsyncIterator[Event]:
        """Yields the events of one stream. A new reader of a stream ends the one before: no message is sent twice."""
        events = self._channel.subscribe(after=after)
        reader = self._readers[stream] = object()
        await self._channel.publish(Sent(stream))
        try:
            async for event in events:
                sent = event.data
                if not isinstance(sent, Sent):  # a gap
                    raise BadRequest("Last-Event-ID is not of this session, or too old.")
                if sent.stream != stream:
                    continue
                if sent.is_end or self._readers.get(stream) is not reader:
                    return
                if stream == FEED:
                    self._feed_read_to = event.id
                retry = 500 if sent.message is None else None
                yield ServerSentEvent(id=f"{stream}.{event.id}", data=sent.message or "", retry=retry)
        finally:
            if self._readers.get(stream) is reader:
                del self._readers[stream]

    async def _send(self, stream: str, method: str, params: Any = UNSET) -> None:
        await self._channel.publish(Sent(stream, Outgoing(method=method, params=params)))

    async def _run(self, stream: str, request_id: RequestId, call: asyncio.Task[Any]) -> None:
        await asyncio.wait([call])
        del self._calls[request_id]
        if not call.cancelled():
            await self._channel.publish(Sent(stream, response_of(request_id, call)))
        await self._channel.publish(Sent(stream, is_end=True))


class Sessions:
    """The open sessions, and what each of them holds. The one that was not used for longest is the first."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Session, AsyncExitStack]] = {}

    async def begin(self) -> Session:
        if len(self._open) >= MAX_SESSIONS:
            await self.end(next(iter(self._open)))
        resources = AsyncExitStack()
        session = Session(await resources.enter_async_context(MemoryStore()))  # its end is the end of every reader
        resources.push_async_callback(session.end)
        self._open[session.id] = session, resources
        await session.begin()
        return session

    def find(self, session_id: str | None) -> Session:
        if session_id is None:
            raise BadRequest("Mcp-Session-Id is missing. Send initialize first.")
        if session_id not in self._open:
            raise NotFound("The session has ended.")
        self._open[session_id] = self._open.pop(session_id)
        return self._open[session_id][0]

    async def notify_all(self, method: str) -> None:
        for session, _ in list(self._open.values()):
            await session.notify(method)

    async def end(self, session_id: str) -> None:
        _, resources = self._open.pop(session_id)
        await resources.aclose()

    async def aclose(self) -> None:
        while self._open:
            await self.end(next(iter(self._open)))


def response_of(request_id: RequestId, call: asyncio.Task[Any]) -> Outgoing:
    error = call.exception()
    if error is None:
        return Outgoing(id=request_id, result=call.result())
    logger.error("A tool failed.", exc_info=error)
    return Outgoing(id=request_id, error=Fault(-32603, "The tool failed."))
