"""An application whose handlers of every kind take a dependency, and a record of what happens in which order."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from jero import (
    BaseApp,
    Endpoint,
    EventStreamResponse,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    Negotiated,
    SSEResponse,
    StreamingResponse,
    StreamOutcome,
)
from jero.http.asgi import HeaderPairs, Message
from tests.application import http_scope

NO_HEADERS: HeaderPairs = []


class Record:
    """Notes what happens, in its order, and sets what shall happen.

    `handler_error`, `source_error`, `open_error`, `close_error`: raised there. `holds`: sources wait after their first
    item. `pauses`: the turns that the dependency waits when it is opened, and when it is closed. `owners`: the tasks
    that opened the dependency, ran the handler's code, and closed it.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.handler_error: BaseException | None = None
        self.source_error: Exception | None = None
        self.open_error: Exception | None = None
        self.close_error: Exception | None = None
        self.holds = False
        self.pauses = 0
        self.owners: list[asyncio.Task[Any] | None] = []
        self.noted = asyncio.Event()
        self.outcomes: list[StreamOutcome] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.noted.set()

    async def until(self, text: str) -> None:
        """Waits until `text` is among the notes."""
        while text not in self.notes:
            self.noted.clear()
            await self.noted.wait()

    async def pause(self) -> None:
        for _ in range(self.pauses):
            await asyncio.sleep(0)

    async def session(self) -> AsyncIterator["Session"]:
        """The dependency: a transaction."""
        self.note("opening")
        self.owners.append(asyncio.current_task())
        await self.pause()
        if self.open_error is not None:
            raise self.open_error
        self.note("open")
        try:
            yield Session(self)
        except BaseException as error:
            await self.pause()
            self.note(f"rolled back: {getattr(error, 'reason', type(error).__name__)}")
            raise
        finally:
            self.owners.append(asyncio.current_task())
        await self.pause()
        if self.close_error is not None:
            raise self.close_error
        self.note("committed")


class Session:
    def __init__(self, record: Record) -> None:
        self.record = record

    def begin(self) -> None:
        """Called by each handler, in its first step."""
        self.record.owners.append(asyncio.current_task())
        self.record.note("handler")
        if self.record.handler_error is not None:
            raise self.record.handler_error

    async def numbers(self) -> AsyncIterator[int]:
        try:
            for number in range(3):
                await asyncio.sleep(0)
                yield number
                if self.record.holds:
                    await asyncio.get_running_loop().create_future()
                if self.record.source_error is not None:
                    raise self.record.source_error
        finally:
            self.record.note("source closed")

    def numbers_in_thread(self) -> Iterator[int]:
        try:
            for number in range(3):
                yield number
                while self.record.holds:
                    yield number
                if self.record.source_error is not None:
                    raise self.record.source_error
        finally:
            self.record.note("source closed")


class GeneratorEndpoint(Endpoint, path="/generator"):
    async def get(self, session: Session) -> AsyncIterator[int]:
        session.begin()
        async for number in session.numbers():
            yield number


class ThreadEndpoint(Endpoint, path="/thread"):
    async def get(self, session: Session) -> Iterator[int]:
        session.begin()
        return session.numbers_in_thread()


class IteratorEndpoint(Endpoint, path="/iterator"):
    async def get(self, session: Session) -> AsyncIterator[int]:
        session.begin()
        return session.numbers()


class NDJSONEndpoint(Endpoint, path="/ndjson"):
    async def get(self, session: Session) -> NDJSONStreamingResponse[int]:
        session.begin()
        return NDJSONStreamingResponse(stream=session.numbers())


class ArrayEndpoint(Endpoint, path="/array"):
    async def get(self, session: Session) -> JSONArrayStreamingResponse[int]:
        session.begin()
        return JSONArrayStreamingResponse(stream=session.numbers())


class SSEEndpoint(Endpoint, path="/sse"):
    async def get(self, session: Session) -> SSEResponse[int]:
        session.begin()
        return SSEResponse(stream=session.numbers())


class EventsEndpoint(Endpoint, path="/events"):
    async def get(self, session: Session) -> EventStreamResponse[int]:
        session.begin()
        return EventStreamResponse(stream=session.numbers(), last=9)


class NegotiatedEndpoint(Endpoint, path="/negotiated"):
    async def get(self, session: Session) -> Negotiated[int]:
        session.begin()
        return Negotiated(stream=session.numbers())


class UnionEndpoint(Endpoint, path="/union"):
    async def get(self, session: Session) -> JSONResponse[str] | NDJSONStreamingResponse[int]:
        session.begin()
        return NDJSONStreamingResponse(stream=session.numbers())


class BytesEndpoint(Endpoint, path="/bytes"):
    async def get(self, session: Session) -> StreamingResponse:
        session.begin()
        return StreamingResponse(stream=self.chunks(session))

    async def chunks(self, session: Session) -> AsyncIterator[bytes]:
        async for number in session.numbers():
            yield b"%d\n" % number


class LifecycleEndpoint(Endpoint, path="/lifecycle"):
    async def get(self, session: Session) -> NDJSONStreamingResponse[int]:
        session.begin()
        return NDJSONStreamingResponse(stream=self.lifecycle(session))

    async def lifecycle(self, session: Session) -> AsyncGenerator[AsyncIterator[int], StreamOutcome]:
        yield session.numbers()
        session.record.note("source left")


class ManagerEndpoint(Endpoint, path="/manager"):
    async def get(self, session: Session) -> NDJSONStreamingResponse[int]:
        session.begin()
        return NDJSONStreamingResponse(stream=self.manager(session))

    @asynccontextmanager
    async def manager(self, session: Session) -> AsyncGenerator[AsyncIterator[int], None]:
        yield session.numbers()
        session.record.note("source left")


class ListEndpoint(Endpoint, path="/list"):
    async def get(self, session: Session) -> NDJSONStreamingResponse[int]:
        session.begin()
        return NDJSONStreamingResponse(stream=[0, 1, 2])


class PlainEndpoint(Endpoint, path="/plain"):
    async def get(self, session: Session) -> str:
        session.begin()
        await asyncio.sleep(0)
        return "012"


class WatchedEndpoint(PlainEndpoint, path="/watched"):
    cancel_on_disconnect = True


class WatchedStreamEndpoint(IteratorEndpoint, path="/watched-stream"):
    cancel_on_disconnect = True


class WholeEndpoint(Endpoint, path="/whole"):
    async def get(self, session: Session) -> JSONResponse[str] | NDJSONStreamingResponse[int]:
        session.begin()
        await asyncio.sleep(0)
        return JSONResponse(content="012")


STREAMS: list[type[Endpoint]] = [
    GeneratorEndpoint,
    ThreadEndpoint,
    IteratorEndpoint,
    NDJSONEndpoint,
    ArrayEndpoint,
    SSEEndpoint,
    EventsEndpoint,
    NegotiatedEndpoint,
    UnionEndpoint,
    BytesEndpoint,
    LifecycleEndpoint,
    ManagerEndpoint,
    WatchedStreamEndpoint,
]
WHOLE: list[type[Endpoint]] = [PlainEndpoint, WatchedEndpoint, WholeEndpoint]


class RecordedApp(BaseApp):
    """Serves endpoints of every kind, whose dependency writes `record`."""

    def __init__(self, record: Record, *endpoints: Endpoint, **options: Any) -> None:
        super().__init__(**options)
        self.record = record
        self.endpoints = endpoints or tuple(kind() for kind in [*STREAMS, *WHOLE, ListEndpoint])

    async def _wire(self) -> None:
        self._include_dependency(self.record.session)
        for endpoint in self.endpoints:
            self._include_endpoint(endpoint)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.record.outcomes.append(outcome)


class Call:
    """One request, which notes in the record what is sent: "start", "body", "end". `task` serves it."""

    def __init__(
        self, app: BaseApp, record: Record, path: str, method: str = "GET", headers: HeaderPairs = NO_HEADERS
    ) -> None:
        self.record = record
        self.status = 0
        self.body = b""
        self.has_ended = False
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._app = app
        self._scope = http_scope(method, path, headers=list(headers))
        self._task: asyncio.Task[None] | None = None

    @property
    def task(self) -> asyncio.Task[None]:
        """The task that serves the request."""
        assert self._task is not None
        return self._task

    def start(self) -> "Call":
        """Serves the request in a task of its own."""
        self._task = asyncio.create_task(self.serve())
        return self

    async def serve(self) -> None:
        await self._app(self._scope, self.receive, self.send)

    async def receive(self) -> Message:
        return await self._incoming.get()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.record.note("start")
            return
        if message["body"]:
            self.body += message["body"]
            self.record.note("body")
        if not message.get("more_body"):
            self.has_ended = True
            self.record.note("end")

    def give(self, body: bytes, *, more_body: bool = False) -> None:
        """Lets the client send a part of its body, the last one unless `more_body`."""
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": more_body})

    def leave(self) -> None:
        """Lets the client leave."""
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def ended(self) -> BaseException | None:
        """Waits for the end of the request. Returns what it raises."""
        await asyncio.wait([self.task])
        if self.task.cancelled():
            return asyncio.CancelledError()
        return self.task.exception()
