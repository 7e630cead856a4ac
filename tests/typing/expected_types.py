"""States the types that type checkers must infer for the public names. Nothing runs this file."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, BinaryIO, Literal, assert_type

from httpx import Response
from msgspec import Meta, Struct, UnsetType

from jero import (
    Accepted,
    BaseApp,
    BytesResponse,
    Created,
    Endpoint,
    EventStreamResponse,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    ServerSentEvent,
    SSEResponse,
    StreamingResponse,
    StreamOutcome,
    TextResponse,
    UploadFile,
)
from jero.channels import EARLIEST, Channel, Channels, Store, Subscription, subscribe
from jero.client import EventStream, StreamClient
from jero.runs import Runs
from jero.testing import AsyncTestClient, TestClient


class Movie(Struct):
    title: str


class Paging(Struct):
    x_total: int


class Goal(Struct, tag=True):
    minute: int


class Whistle(Struct, tag=True):
    half: int


PAGING = Paging(x_total=1)


async def movies() -> AsyncIterator[Movie]:
    yield Movie("a")


async def chunks() -> AsyncIterator[bytes]:
    yield b"a"


async def mixed() -> AsyncIterator[Movie | ServerSentEvent[Movie]]:
    yield ServerSentEvent(data=Movie("a"), id="1")


async def events() -> AsyncIterator[ServerSentEvent[Movie]]:
    yield ServerSentEvent(data=Movie("a"), id="1")


async def lifecycle() -> AsyncGenerator[AsyncIterable[Movie], StreamOutcome]:
    outcome = yield movies()
    assert_type(outcome, StreamOutcome)


async def lifecycle_without_outcome() -> AsyncGenerator[AsyncIterable[Movie], None]:
    yield movies()


@asynccontextmanager
async def managed() -> AsyncGenerator[AsyncIterable[Movie], None]:
    yield movies()


def make_last(outcome: StreamOutcome) -> Movie:
    return Movie(outcome.reason)


def make_text(outcome: StreamOutcome) -> str:
    return outcome.reason


def buffered_responses() -> None:
    assert_type(JSONResponse(content=Movie("a")), JSONResponse[Movie, None])
    assert_type(JSONResponse(content=Movie("a")).content, Movie)
    assert_type(JSONResponse(content=Movie("a"), headers=PAGING), JSONResponse[Movie, Paging])
    assert_type(JSONResponse(content=Movie("a"), headers=PAGING).headers, Paging | None)
    assert_type(Created(content=[1]), Created[list[int], None])
    assert_type(Accepted(content=Movie("a"), headers=PAGING), Accepted[Movie, Paging])
    assert_type(TextResponse(content="a"), TextResponse[None])
    assert_type(BytesResponse(content=b"a", headers=PAGING), BytesResponse[Paging])
    assert_type(NoContent(), NoContent[None])
    assert_type(NoContent(headers=PAGING), NoContent[Paging])


def streaming_responses() -> None:
    assert_type(StreamingResponse(stream=chunks()), StreamingResponse[None])
    assert_type(StreamingResponse(stream=chunks(), headers=PAGING), StreamingResponse[Paging])
    assert_type(NDJSONStreamingResponse(stream=movies()), NDJSONStreamingResponse[Movie, None])
    assert_type(NDJSONStreamingResponse(stream=movies(), headers=PAGING), NDJSONStreamingResponse[Movie, Paging])
    assert_type(NDJSONStreamingResponse(stream=managed()), NDJSONStreamingResponse[Movie, None])
    assert_type(JSONArrayStreamingResponse(stream=movies()), JSONArrayStreamingResponse[Movie, None])
    assert_type(SSEResponse(stream=movies()), SSEResponse[Movie, None])
    assert_type(SSEResponse(stream=mixed(), headers=PAGING), SSEResponse[Movie, Paging])
    assert_type(EventStreamResponse(stream=movies()), EventStreamResponse[Movie, None])
    assert_type(EventStreamResponse(stream=mixed(), headers=PAGING), EventStreamResponse[Movie, Paging])
    assert_type(SSEResponse(stream=movies(), last="[DONE]"), SSEResponse[Movie, None])
    assert_type(EventStreamResponse(stream=mixed(), last=make_text), EventStreamResponse[Movie, None])
    assert_type(Negotiated(stream=movies(), last="[DONE]"), Negotiated[Movie, None])
    assert_type(Negotiated(stream=movies()), Negotiated[Movie, None])
    assert_type(Negotiated(stream=mixed(), headers=PAGING, keepalive=None), Negotiated[Movie, Paging])
    assert_type(Negotiated(stream=movies(), last=ServerSentEvent(data="[DONE]")), Negotiated[Movie, None])
    assert_type(SSEResponse(stream=movies(), last=ServerSentEvent(data="[DONE]")), SSEResponse[Movie, None])
    assert_type(NDJSONStreamingResponse(stream=movies(), last=Movie("end")), NDJSONStreamingResponse[Movie, None])
    assert_type(NDJSONStreamingResponse(stream=movies(), last=make_last), NDJSONStreamingResponse[Movie, None])


def events_of_a_stream() -> None:
    assert_type(ServerSentEvent(data=Movie("a")), ServerSentEvent[Movie])
    assert_type(ServerSentEvent(data=Movie("a")).data, Movie | UnsetType)
    assert_type(ServerSentEvent(event="a"), ServerSentEvent[Any])


def clients(app: BaseApp) -> None:
    with TestClient(app, raise_app_exceptions=True) as client:
        assert_type(client, TestClient)
        for union in client.ndjson("/movies", Movie | Paging):
            assert_type(union, Movie | Paging)
        for union_event in client.sse("/events", Movie | Paging | None):
            assert_type(union_event, ServerSentEvent[Movie | Paging | None])
        assert_type(client.post("/movies", json=Movie("a")), Response)
        for movie in client.ndjson("/movies", Movie):
            assert_type(movie, Movie)
        for event in client.sse("/events", list[int]):
            assert_type(event, ServerSentEvent[list[int]])


async def asynchronous_clients(app: BaseApp) -> None:
    async with AsyncTestClient(app) as client:
        assert_type(client, AsyncTestClient)
        async for movie in client.ndjson("/movies", Movie):
            assert_type(movie, Movie)
        async for event in client.sse("/events", Movie):
            assert_type(event.data, Movie | UnsetType)
        async for union in client.ndjson("/movies", Movie | Paging):
            assert_type(union, Movie | Paging)
        async for text in client.sse("/events", Literal["a", "b"]):
            assert_type(text, ServerSentEvent[Literal["a", "b"]])


async def network_clients() -> None:
    async with StreamClient("http://127.0.0.1:8000") as client:
        assert_type(client, StreamClient)
        async for movie in client.ndjson("/movies", Movie):
            assert_type(movie, Movie)
        async for union in client.ndjson("/movies", Movie | Paging):
            assert_type(union, Movie | Paging)
        async for event in client.sse("/events", Movie | Paging):
            assert_type(event, ServerSentEvent[Movie | Paging])
        async for text in client.sse("/events", Annotated[str, Meta(max_length=3)]):
            assert_type(text.data, str | UnsetType)
        async with client.events("/events", Movie, method="POST", json=Movie("a"), until="[DONE]") as stream:
            assert_type(stream, EventStream[Movie])
            assert_type(stream.status, int)
            assert_type(await anext(stream), ServerSentEvent[Movie])
            async for read_once in stream:
                assert_type(read_once, ServerSentEvent[Movie])
        unions = client.events("/events", Goal | Whistle, until=lambda event: isinstance(event.data, Whistle))
        assert_type(unions, EventStream[Goal | Whistle])
        passed_on = NDJSONStreamingResponse(stream=unions)
        assert_type(passed_on, NDJSONStreamingResponse[ServerSentEvent[Goal | Whistle], None])
        async with unions as entered:
            async for union_event in entered:
                assert_type(union_event.data, Goal | Whistle | UnsetType)
        assert_type(SSEResponse[Movie](stream=client.events("/events", Movie)), SSEResponse[Movie, None])
        async for numbers in client.sse("/events", list[int], headers={"Last-Event-ID": "Zürich-1"}):
            assert_type(numbers, ServerSentEvent[list[int]])


async def channels(store: Store) -> None:
    movies = Channel(store, "movies", Movie)
    assert_type(movies, Channel[Movie])
    assert_type(movies.subscribe(), Subscription[Movie])
    assert_type(Channel(store, "numbers", list[int], history=10), Channel[list[int]])
    match = Channel(store, "match", Goal | Whistle, history=10)
    assert_type(match, Channel[Goal | Whistle])
    assert_type(match.subscribe(after="1-1"), Subscription[Goal | Whistle])
    await match.publish(Goal(1))
    await match.publish(Whistle(1), event="whistle")
    assert_type(Channel[Goal | Whistle](store, "match", Goal | Whistle), Channel[Goal | Whistle])
    MatchEndpoint(Channel(store, "match", Goal | Whistle))
    rooms = Channels(store, "room", Movie, keep=None)
    assert_type(rooms, Channels[Movie])
    assert_type(rooms["7"], Channel[Movie])
    assert_type(rooms["7"].subscribe(after=EARLIEST), Subscription[Movie])
    assert_type(subscribe(rooms["7"], movies, after="1"), Subscription[Movie])
    assert_type(subscribe(rooms["7"], match), Subscription[Movie | Goal | Whistle])
    matches = Channels(store, "match", Goal | Whistle, history=10)
    assert_type(matches, Channels[Goal | Whistle])
    assert_type(matches["7"], Channel[Goal | Whistle])


async def runs(store: Store, movies: AsyncIterator[Movie]) -> None:
    answers = Runs(store, Movie, name="answers", keep=60)
    assert_type(answers, Runs[Movie])
    run = await answers.start(movies, owner="ann", key=None, request={"a": 1})
    assert_type(run.id, str)
    stream = await answers.follow(run.id, owner="ann", after="0-1")
    assert_type(SSEResponse[Movie](stream=stream), SSEResponse[Movie, None])
    assert_type(Negotiated[Movie](stream=stream), Negotiated[Movie, None])
    assert_type((await answers.status(run.id, owner="ann")).items, int)
    either = Runs(store, Goal | Whistle)
    assert_type(either, Runs[Goal | Whistle])
    await either.start([Goal(1), ServerSentEvent(data=Whistle(1), event="whistle")], owner="ann")


class MatchEndpoint(Endpoint, path="/match"):
    """Has a channel of two types of events."""

    def __init__(self, channel: Channel[Goal | Whistle]) -> None:
        self._channel = channel

    async def get(self) -> SSEResponse[Goal | Whistle]:
        return SSEResponse(stream=self._channel.subscribe())

    async def post(self) -> NDJSONStreamingResponse[Goal | Whistle]:
        return NDJSONStreamingResponse(stream=self._channel.subscribe())


class RunEndpoint(Endpoint, path="/run"):
    """Follows a run in several formats."""

    def __init__(self, runs: Runs[Movie]) -> None:
        self._runs = runs

    async def get(self) -> Negotiated[Movie]:
        return Negotiated(stream=await self._runs.follow("", owner=""))

    async def post(self) -> NDJSONStreamingResponse[Movie]:
        return NDJSONStreamingResponse(stream=await self._runs.follow("", owner=""))

    async def put(self) -> EventStreamResponse[Movie]:
        return EventStreamResponse(stream=await self._runs.follow("", owner=""))


class EventsEndpoint(Endpoint, path="/events"):
    """Returns streams of every kind, each with a return type that names its item."""

    async def get(self) -> SSEResponse[Movie] | NoContent:
        return SSEResponse(stream=mixed(), keepalive=1, ping=ServerSentEvent(comment="ping"))

    async def post(self) -> EventStreamResponse[Movie]:
        return EventStreamResponse(stream=mixed(), last=ServerSentEvent(data="[DONE]"))

    async def put(self) -> Movie | JSONResponse[Movie, Paging] | EventStreamResponse[Movie] | NoContent:
        return EventStreamResponse(stream=movies())

    async def delete(self) -> Negotiated[Movie, Paging] | NoContent:
        return Negotiated(stream=mixed(), headers=PAGING, keepalive=5, ping=lambda: ServerSentEvent(comment="ping"))

    async def patch(self) -> Movie | NDJSONStreamingResponse[Paging]:
        return Movie("whole")

    async def of_an_upload(self, file: UploadFile) -> StreamingResponse:
        assert_type(await file.read(), bytes)
        assert_type((file.filename, file.content_type, file.size), tuple[str, str | None, int])
        assert_type(file.open(), BinaryIO)
        return StreamingResponse(stream=file.chunks())

    async def of_items(self) -> SSEResponse[Movie]:
        return SSEResponse(stream=movies(), ping=lambda: ServerSentEvent(comment="ping"))

    async def of_events(self) -> SSEResponse[Movie, Paging]:
        return SSEResponse(stream=events(), headers=PAGING)

    async def of_a_lifecycle(self) -> SSEResponse[Movie]:
        return SSEResponse(stream=lifecycle(), on_error=lambda error: ServerSentEvent(event=str(error)))

    async def with_an_end_mark(self) -> SSEResponse[Movie]:
        return SSEResponse(stream=movies(), last=ServerSentEvent(data="[DONE]"))

    async def with_a_last_event(self) -> SSEResponse[Movie]:
        return SSEResponse(stream=mixed(), last=lambda outcome: ServerSentEvent(event="end", data=outcome.items))

    async def with_a_last_line(self) -> NDJSONStreamingResponse[Movie | Paging]:
        return NDJSONStreamingResponse(stream=movies(), last=lambda outcome: Paging(x_total=outcome.items))

    async def with_a_last_chunk(self) -> StreamingResponse:
        return StreamingResponse(stream=chunks(), last=b"end")

    async def of_a_lifecycle_without_outcome(self) -> NDJSONStreamingResponse[Movie]:
        return NDJSONStreamingResponse(stream=lifecycle_without_outcome())

    async def of_a_manager(self) -> NDJSONStreamingResponse[Movie]:
        return NDJSONStreamingResponse(stream=managed(), on_error=lambda error: Movie(str(error)))

    async def of_a_lifecycle_in_lines(self) -> NDJSONStreamingResponse[Movie, Paging]:
        return NDJSONStreamingResponse(stream=lifecycle(), headers=PAGING)
