"""An application with streams of every kind for the page to show. `App` is served in the tests' process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import ClassVar

from msgspec import Struct

from jero import (
    BaseApp,
    Created,
    Endpoint,
    HTTPError,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    NoContent,
    ResumeHeaders,
    ServerSentEvent,
    SSEResponse,
    StreamingResponse,
    StreamOutcome,
    StreamPolicy,
    UploadFile,
)
from jero.auth import BearerAuth
from jero.errors import Unauthorized

TOKEN = "open-sesame"
EVENTS = 12
AT_ONCE = StreamPolicy(first_item_grace=0.01)


class Movie(Struct, frozen=True):
    """A movie."""

    id: int
    title: str
    seconds: float = 0.25


class Length(Struct, frozen=True):
    count: int = 5


class MoviePath(Struct, frozen=True):
    movie_id: int


class Line(Struct, frozen=True):
    sku: str
    quantity: int


class Order(Struct, frozen=True):
    customer: str
    lines: list[Line]
    note: str | None = None


class Placed(Struct, frozen=True):
    number: int
    order: Order


class User(Struct, frozen=True):
    name: str


class OutOfStock(HTTPError, type="out-of-stock", title="Out of stock", status=409):
    """The article is out of stock."""


class Gate:
    """A stream whose items a test puts in, one at a time, from another thread."""

    def __init__(self) -> None:
        self._items: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def items(self) -> AsyncIterator[str]:
        self._loop = asyncio.get_running_loop()
        while (item := await self._items.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    def put(self, item: str | Exception | None) -> None:
        """Adds an item. `None` ends the stream, and an exception breaks it."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._items.put_nowait, item)


@dataclass
class Gated(Endpoint, path="/gated"):
    """Sends the items that a test puts in."""

    gate: Gate
    tags: ClassVar = ("streams",)

    async def get(self) -> NDJSONStreamingResponse[str]:
        """Items, one at a time"""
        return NDJSONStreamingResponse(stream=self.gate.items(), policy=AT_ONCE, keepalive=0.05)


class Lines(Endpoint, path="/lines"):
    tags = ("streams",)

    async def get(self, params: Length) -> NDJSONStreamingResponse[Movie]:
        """Movies, one a line

        They arrive **as they are found**. Read them with `jq`:

            curl -N localhost:8000/lines | jq .title
        """
        return NDJSONStreamingResponse(stream=movies(params.count))


class Array(Endpoint, path="/array"):
    tags = ("streams",)

    async def get(self, params: Length) -> JSONArrayStreamingResponse[Movie]:
        """Movies, as one array"""
        return JSONArrayStreamingResponse(stream=movies(params.count))


class Text(Endpoint, path="/text"):
    tags = ("streams",)

    async def get(self) -> StreamingResponse:
        """A table, as CSV"""
        return StreamingResponse(stream=rows(), raw_headers={"Content-Type": "text/csv"})


class Fast(Endpoint, path="/fast"):
    tags = ("streams",)

    async def get(self) -> NDJSONStreamingResponse[Movie]:
        """Endless movies without a pause"""
        return NDJSONStreamingResponse(stream=endless_movies())


class Events(Endpoint, path="/events"):
    tags = ("streams",)

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Movie]:
        """Events that can be resumed

        A dozen, numbered from one, 0.05 seconds apart.
        """
        return SSEResponse(stream=events(int(headers.last_event_id or 0)), keepalive=0.02)


class Ticks(Endpoint, path="/ticks"):
    tags = ("streams",)

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Movie]:
        """Endless slow events"""
        return SSEResponse(stream=ticks(int(headers.last_event_id or 0)))


class Negotiated(Endpoint, path="/negotiated"):
    tags = ("negotiated",)

    async def get(self, params: Length) -> AsyncIterator[Movie]:
        """Movies, in the accepted format"""
        async for movie in movies(params.count):
            yield movie


class Pipeline(Endpoint, path="/pipeline"):
    tags = ("negotiated",)

    async def post(self, items: AsyncIterator[Line]) -> AsyncIterator[Placed]:
        """Places an order for each line, as it arrives"""
        number = 0
        async for line in items:
            number += 1
            yield Placed(number, Order("of many", [line]))


@dataclass
class Cut(Endpoint, path="/cut"):
    """Breaks when the test breaks it: a browser drops unread bytes when the connection is lost."""

    gate: Gate
    tags: ClassVar = ("broken streams",)

    async def get(self) -> NDJSONStreamingResponse[str]:
        """Breaks in the middle"""
        return NDJSONStreamingResponse(stream=self.gate.items(), policy=AT_ONCE)


class Failing(Endpoint, path="/failing"):
    tags = ("broken streams",)

    async def get(self) -> SSEResponse[Movie]:
        """Breaks in the middle, with an error event"""
        return SSEResponse(stream=broken())


class Movies(Endpoint, path="/movies/{movie_id}"):
    tags = ("movies",)
    deprecated = True

    async def get(self, path: MoviePath) -> JSONResponse[Movie]:
        """One movie"""
        return JSONResponse(content=Movie(path.movie_id, "<b>First</b>"))


class Orders(Endpoint, path="/orders"):
    tags = ("orders",)
    errors = (OutOfStock,)

    async def post(self, json: Order) -> Created[Placed]:
        """Places an order"""
        if json.customer == "nobody":
            raise OutOfStock(detail="The last one is gone.")
        return Created(content=Placed(1, json))


class Nothing(Endpoint, path="/nothing"):
    async def delete(self) -> NoContent:
        """Removes nothing"""
        return NoContent()


class SignupForm(Struct):
    """Fields alone, so that a form is urlencoded or multipart."""

    name: str
    age: int = 0
    genres: list[str] = []
    is_member: bool = False


class Signups(Endpoint, path="/signups"):
    async def post(self, form: SignupForm) -> SignupForm:
        """Signs up"""
        return form


class UploadForm(Struct):
    title: str
    files: list[UploadFile]
    cover: UploadFile | None = None


class Uploaded(Struct):
    title: str
    files: dict[str, str]
    cover: str | None


class Uploads(Endpoint, path="/uploads"):
    async def post(self, form: UploadForm) -> Uploaded:
        """Uploads files"""
        files = {file.filename or "": (await file.read()).decode() for file in form.files}
        return Uploaded(form.title, files, form.cover.filename if form.cover else None)


class Tokens(BearerAuth[User]):
    async def verify(self, token: str) -> User:
        if token != TOKEN:
            raise Unauthorized
        return User("Ada")


class Me(Endpoint, path="/me"):
    async def get(self, user: User) -> User:
        """The user who asks"""
        return user


class Mine(Endpoint, path="/mine"):
    async def get(self, user: User) -> list[Movie]:
        """The movies of the user who asks"""
        return [Movie(1, user.name)]


class App(BaseApp):
    """The application. `outcomes` has the outcome of each stream, in the order of their ends."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()
        self.outcomes: SimpleQueue[StreamOutcome] = SimpleQueue()

    async def _wire(self) -> None:
        streams = (Gated(self.gate), Lines(), Array(), Text(), Fast(), Events(), Ticks(), Cut(self.gate), Failing())
        for endpoint in (*streams, Negotiated(), Pipeline(), Movies(), Orders(), Nothing(), Signups(), Uploads()):
            self._include_endpoint(endpoint)
        self._include_endpoint(Me(), auth=Tokens())
        self._include_endpoint(Mine(), auth=Tokens())
        self._include_openapi(title="Movies & <more>", version="1.2.3", description="Streams to look at.")

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.put(outcome)


async def movies(count: int) -> AsyncIterator[Movie]:
    for number in range(1, count + 1):
        yield Movie(number, f'No. {number}: "[quoted], {{braced}}", \\ and \u2028')
        await asyncio.sleep(0.01)


async def endless_movies() -> AsyncIterator[Movie]:
    number = 0
    while True:
        number += 1
        yield Movie(number, "again")


async def rows() -> AsyncIterator[bytes]:
    for number in range(3):
        yield b"%d,movie\n" % number
        await asyncio.sleep(0.01)


async def events(after: int) -> AsyncIterator[ServerSentEvent[Movie]]:
    for number in range(after + 1, EVENTS + 1):
        retry = 2_000 if number == 1 else None
        yield ServerSentEvent(data=Movie(number, "seen"), event="movie", id=str(number), retry=retry)
        await asyncio.sleep(0.05)


async def ticks(after: int) -> AsyncIterator[ServerSentEvent[Movie]]:
    number = after
    while True:
        number += 1
        yield ServerSentEvent(data=Movie(number, "tick"), id=str(number))
        await asyncio.sleep(0.02)


async def broken() -> AsyncIterator[Movie]:
    for number in range(1, 4):
        yield Movie(number, "whole")
        await asyncio.sleep(0.01)
    raise RuntimeError("the source broke")
