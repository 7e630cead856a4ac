"""An application with operations of every kind, for tools that compare it with its document."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Generic, Literal
from uuid import UUID

from msgspec import Meta, Struct
from typing_extensions import TypeVar

from jero import (
    BaseApp,
    BytesResponse,
    Conflict,
    Created,
    Endpoint,
    EventStreamResponse,
    HTTPError,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    NotFound,
    ResumeHeaders,
    ServerSentEvent,
    SSEResponse,
    StreamingResponse,
    TextResponse,
    Unauthorized,
    UploadFile,
)
from jero.auth import APIKeyAuth, Auth, BasicAuth, BearerAuth
from jero.endpoint import operation_notes
from jero.openapi.info import License
from tests.openapi.film_catalogue import CATALOGUE

T = TypeVar("T")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Colour(Enum):
    COLOUR = "colour"
    BLACK_AND_WHITE = "black and white"


class Reel(Struct, tag="reel"):
    """A film on celluloid."""

    metres: Annotated[int, Meta(ge=1)]


class Tape(Struct, tag="tape"):
    """A film on tape."""

    minutes: Annotated[float, Meta(gt=0, le=600)]


class Film(Struct):
    """A film of the archive."""

    title: Annotated[str, Meta(min_length=1, max_length=80, description="As on its first frame.")]
    colour: Colour
    copies: list[Reel | Tape] = []
    released: date | None = None
    ratings: dict[str, int] = {}


class Kept(Struct):
    """A film and the archive's notes on it."""

    film: Film
    seen_at: Annotated[datetime, Meta(tz=True)] = MOMENT
    price: Decimal = Decimal("1.50")


class FilmPath(Struct):
    film_id: Annotated[int, Meta(ge=1, le=1_000_000, description="The number on the box.")]


class FilmQuery(Struct):
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    colour: Colour | None = None
    tag: Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=5)] = []


class Total(Struct):
    x_total: int
    x_seen: datetime = MOMENT


class Lent(HTTPError, type="lent", title="Lent", status=409):
    """Somebody has it."""


class FilmsEndpoint(Endpoint, path="/films"):
    tags = ("films",)

    async def get(self, params: FilmQuery) -> JSONResponse[list[Film], Total]:
        """Lists films.

        The films that were seen last come first.
        """
        films = [Film(title="Metropolis", colour=params.colour or Colour.COLOUR)]
        return JSONResponse(films, headers=Total(x_total=len(films)))

    async def post(self, json: Film) -> Created[Kept]:
        """Takes a film in."""
        return Created(Kept(json))


class FilmEndpoint(Endpoint, path="/films/{film_id}"):
    tags = ("films",)
    errors = (Lent,)

    async def get(self, path: FilmPath) -> Kept:
        """Shows one film."""
        if path.film_id > 500_000:
            raise NotFound
        return Kept(Film(title=str(path.film_id), colour=Colour.COLOUR, copies=[Reel(3), Tape(2.5)]))

    async def put(self, path: FilmPath, json: Film) -> Kept | NoContent:
        """Replaces a film."""
        if path.film_id % 2:
            return NoContent()
        return Kept(json)

    @operation_notes(deprecated=True, tags=["weeding"], errors=[Conflict])
    async def delete(self, path: FilmPath) -> NoContent:
        """Gives a film away."""
        if path.film_id % 3 == 0:
            raise Lent("It is at home.")
        return NoContent()


class ShelfPath(Struct):
    shelf: str
    box: UUID


class ShelfEndpoint(Endpoint, path="/shelves/{shelf}/boxes/{box}"):
    async def get(self, path: ShelfPath) -> str:
        """Shows what stands in a box."""
        return f"{path.shelf} {path.box}"


class WordEndpoint(Endpoint, path="/words/{word}"):
    async def get(self) -> bytes:
        """Sends a word as bytes."""
        return b"\x00\x01"


class Preferences(Struct):
    accept_language: str = "en"
    x_depth: Annotated[str, Meta(pattern="^[0-9]$")] = "0"
    x_mode: Literal["plain", "rich"] = "plain"


class Cookies(Struct):
    theme: Literal["light", "dark"] = "light"


class PreferencesEndpoint(Endpoint, path="/preferences"):
    async def get(self, headers: Preferences, cookies: Cookies) -> TextResponse | BytesResponse:
        """Shows what the reader prefers."""
        return TextResponse(f"{headers.x_depth} {cookies.theme}")


class RequiredHeaders(Struct):
    x_trace_id: Annotated[str, Meta(pattern="^[a-f0-9]{8}$")]


class TracedEndpoint(Endpoint, path="/traced"):
    async def get(self, headers: RequiredHeaders) -> dict[str, str]:
        """Returns the trace of the request."""
        return {"trace": headers.x_trace_id}


class Projection(Struct):
    film: str
    at: Annotated[datetime, Meta(tz=True)] = MOMENT


class Partial(Negotiated[T], Generic[T], frozen=True, kw_only=True):
    """Some of the items, with a status that says so."""

    status_code: int = 203


class ProjectionsEndpoint(Endpoint, path="/projections"):
    """Negotiated streams, with and without items in the request body."""

    async def get(self, params: FilmQuery) -> AsyncIterator[Projection | ServerSentEvent[Projection]]:
        """Streams projections, in the format that the client chooses."""
        for number in range(min(params.limit, 3)):
            yield Projection(str(number))
        yield ServerSentEvent(data=Projection("last"), event="last", id="9")

    async def post(self, items: AsyncIterator[Film]) -> AsyncIterator[Projection]:
        """Projects the films that it reads."""
        # After the first sent item, a wrong line would break the connection, and leave no response to check.
        films = [film async for film in items]
        for film in films:
            yield Projection(film.title)


class ScreeningsEndpoint(Endpoint, path="/screenings"):
    """Negotiated streams with headers, and with a status of their own."""

    async def get(self) -> Negotiated[Projection, Total] | NoContent:
        """Lists the screenings, with their total in a header."""
        return Negotiated(stream=self._screenings(), headers=Total(x_total=1))

    async def post(self) -> Partial[Projection]:
        """Lists some screenings."""
        return Partial(stream=self._screenings(), raw_headers={"X-Seen": "1"})

    async def _screenings(self) -> AsyncIterator[Projection]:
        yield Projection("only")


class ThreadedEndpoint(Endpoint, path="/threaded"):
    def get(self) -> Iterator[int]:
        """Counts in a thread."""
        yield from range(3)


class EventsEndpoint(Endpoint, path="/events"):
    async def _events(self) -> AsyncIterator[Projection | ServerSentEvent[Projection]]:
        yield Projection("first")
        yield ServerSentEvent(data=Projection("second"), id="2", event="second", retry=3)
        yield ServerSentEvent(retry=10)

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Projection, Total] | NoContent:
        """Sends projections as events."""
        if headers.last_event_id == "2":
            return NoContent()
        return SSEResponse(stream=self._events(), headers=Total(x_total=2))


class LinesEndpoint(Endpoint, path="/lines"):
    async def _films(self) -> AsyncIterator[Reel | Tape]:
        yield Reel(1)
        yield Tape(2)

    async def get(self) -> NDJSONStreamingResponse[Reel | Tape]:
        """Sends films as lines."""
        return NDJSONStreamingResponse(stream=self._films())

    async def post(self, content: AsyncIterator[bytes]) -> JSONArrayStreamingResponse[int]:
        """Counts the bytes of each chunk."""
        return JSONArrayStreamingResponse(stream=[len(chunk) async for chunk in content])

    async def put(self, content: bytes) -> StreamingResponse:
        """Returns the bytes that it reads."""
        return StreamingResponse(stream=[content])


class Poster(Struct):
    """A poster of a film, and pictures from it."""

    title: Annotated[str, Meta(min_length=1)]
    poster: UploadFile
    stills: list[UploadFile] = []
    year: Annotated[int, Meta(ge=1888)] = 1888


class Reservation(Struct):
    """A seat in the archive's cinema."""

    name: str
    seats: Annotated[int, Meta(ge=1, le=9)] = 1


class PostersEndpoint(Endpoint, path="/posters"):
    async def post(self, form: Poster) -> dict[str, int]:
        """Takes a poster, and returns the sizes of its pictures."""
        return {"poster": form.poster.size, "stills": sum(still.size for still in form.stills)}

    async def put(self, form: Reservation) -> Reservation:
        """Reserves a seat to see the posters."""
        return form


class Digest(Struct):
    stream: Literal["no", "lines", "nothing"] = "no"


class DigestsEndpoint(Endpoint, path="/digests"):
    """JSON or a stream, and events on another method than GET."""

    async def _films(self) -> AsyncIterator[Projection]:
        yield Projection("first")

    async def get(self, params: Digest) -> JSONResponse[Kept, Total] | NDJSONStreamingResponse[Projection] | NoContent:
        """Sends one film, all, or none."""
        if params.stream == "nothing":
            return NoContent()
        if params.stream == "lines":
            return NDJSONStreamingResponse(stream=self._films())
        return JSONResponse(Kept(Film(title="M", colour=Colour.COLOUR)), headers=Total(x_total=1))

    async def post(self, json: Digest) -> Projection | EventStreamResponse[Projection]:
        """Sends one projection, or many as events."""
        if json.stream == "no":
            return Projection("M")
        return EventStreamResponse(stream=self._films(), last=Projection("last"))

    async def put(self, json: Digest) -> Projection | JSONArrayStreamingResponse[Projection]:
        """Sends one projection, or many as an array."""
        return Projection("M") if json.stream == "no" else JSONArrayStreamingResponse(stream=self._films())


class WordEventsEndpoint(Endpoint, path="/word-events"):
    async def _words(self) -> AsyncIterator[str]:
        yield "two\nlines"

    async def get(self) -> SSEResponse[str]:
        """Sends words as events."""
        return SSEResponse(stream=self._words())


class Visitor(Struct):
    name: str


class Tokens(BearerAuth[Visitor]):
    async def verify(self, token: str) -> Visitor:
        if token != "open":
            raise Unauthorized
        return Visitor("a visitor")


class Badges(APIKeyAuth[Visitor | None], cookie="badge"):
    async def verify(self, key: str) -> Visitor | None:
        return Visitor(key)


class Keys(APIKeyAuth[Visitor], query="key"):
    async def verify(self, key: str) -> Visitor:
        raise Unauthorized


class Passwords(BasicAuth[Visitor]):
    async def verify(self, username: str, password: str) -> Visitor:
        if password != "sesame":
            raise Unauthorized
        return Visitor(username)


class VaultEndpoint(Endpoint):
    async def get(self, user: Visitor | None) -> Visitor | None:
        """Shows who asks."""
        return user


OPEN: tuple[type[Endpoint], ...] = (
    FilmsEndpoint,
    FilmEndpoint,
    ShelfEndpoint,
    WordEndpoint,
    PreferencesEndpoint,
    TracedEndpoint,
    ProjectionsEndpoint,
    ScreeningsEndpoint,
    ThreadedEndpoint,
    EventsEndpoint,
    LinesEndpoint,
    WordEventsEndpoint,
    DigestsEndpoint,
    PostersEndpoint,
)
GUARDED: dict[str, Auth] = {"token": Tokens(), "badge": Badges(), "key": Keys(), "password": Passwords()}


class FilmArchive(BaseApp):
    def __init__(self, openapi_version: str) -> None:
        super().__init__()
        self._openapi_version = openapi_version

    async def _wire(self) -> None:
        for endpoint in (*OPEN, *CATALOGUE):
            self._include_endpoint(endpoint())
        for name, auth in GUARDED.items():
            self._include_endpoint(VaultEndpoint(), path=f"/vault/{name}", auth=auth)
        self._include_openapi(
            title="Film archive",
            version="1.0.0",
            openapi_version=self._openapi_version,
            license=License(name="MIT", identifier="MIT"),
        )


app = FilmArchive("3.2.0")
app_of_3_1 = FilmArchive("3.1.0")
