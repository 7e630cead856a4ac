"""Endpoints with types of every kind, for tools that read documents: generic, nested, recursive, tuples, formats."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from jero import Created, Endpoint, JSONResponse, NDJSONStreamingResponse, NoContent
from tests.openapi import film_loans

T = TypeVar("T")
U = TypeVar("U")


class Film(Struct):
    """A film as the catalogue knows it."""

    title: Annotated[str, Meta(min_length=1)]
    sequel: "Film | None" = None
    remakes: list["Film"] = []


class Page(Struct, Generic[T]):
    """Some of many."""

    items: list[T]
    next: str | None = None


class Pair(Struct, Generic[T, U]):
    first: T
    second: U


class Screen(Struct):
    class Kind(IntEnum):
        FLAT = 1
        CURVED = 2

    class Address(Struct):
        """The place of a screen."""

        street: str
        number: Annotated[int, Meta(ge=1)] = 1

    kind: Kind
    address: Address


class Frame(NamedTuple):
    """A place in a film."""

    reel: int
    seconds: float = 0.0


class Cut(Struct, array_like=True):
    """Two frames that follow each other."""

    before: Frame
    after: Frame
    note: str = ""


class Credit(TypedDict):
    name: str
    role: Literal["director", "actor"]


@dataclass
class Sound:
    channels: int = 2
    language: str | None = None


class Drama(Struct, tag="drama", forbid_unknown_fields=True):
    acts: Annotated[int, Meta(ge=1, le=5)]


class Documentary(Struct, tag="documentary", rename="camel"):
    subject_matter: str


class Record(Struct, kw_only=True):
    """All that the catalogue knows."""

    film: Film
    genre: Drama | Documentary | None = None
    position: tuple[int, str]
    corners: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (1.0, 1.0))
    ratings: tuple[int, ...] = ()
    nothing: tuple[()] = ()
    frame: Frame
    cuts: list[Cut] = []
    credits: list[Credit] = []
    sound: Sound | None = None
    screens: dict[str, Screen] = {}
    tags: set[str] = set()
    whole_numbers: frozenset[Annotated[int, Meta(multiple_of=2)]] = frozenset()
    anything: Any = None
    any_list: list[Any] = []
    price: Decimal | None = None
    shelf_mark: UUID | None = None
    premiere: date | None = None
    shown_at: Annotated[datetime, Meta(tz=True)] | None = None
    doors_open: Annotated[time, Meta(tz=False)] | None = None
    length: timedelta | None = None
    poster: bytes = b""
    mixed: int | str | list[Film] | None = None
    mode: Literal["plain", "rich"] | None = None
    alias: str | UnsetType = UNSET
    lent_to: film_loans.Reader | None = None


def record() -> Record:
    """Returns a record with a value in each field."""
    return Record(
        film=Film("M", sequel=Film("N"), remakes=[Film("O")]),
        genre=Documentary("Sound"),
        position=(7, "left"),
        ratings=(1, 2, 3),
        frame=Frame(1, 2.5),
        cuts=[Cut(Frame(1), Frame(2), "hard")],
        credits=[{"name": "Fritz Lang", "role": "director"}],
        sound=Sound(1, "de"),
        screens={"big": Screen(Screen.Kind.CURVED, Screen.Address("Rue Lumière", 2))},
        tags={"crime"},
        whole_numbers=frozenset({2}),
        anything={"what": ["ever"]},
        any_list=[1, "x", None],
        price=Decimal("1.50"),
        shelf_mark=UUID(int=7),
        premiere=date(1931, 5, 11),
        shown_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        doors_open=time(19, 30),
        length=timedelta(minutes=117),
        poster=b"\x00\xff",
        mixed=[Film("P")],
        mode="plain",
        alias="M - A City Searches",
        lent_to=film_loans.Reader("Ada", film_loans.Reader.Kind.TEACHER, film_loans.Reader.Address("Main Street")),
    )


class RecordEndpoint(Endpoint, path="/catalogue/record"):
    async def get(self) -> Record:
        """Shows one record."""
        return record()

    async def put(self, json: Pair[Frame, tuple[int, str]]) -> Created[Pair[Frame, tuple[int, str]]]:
        """Marks a frame."""
        return Created(json)


class PagesEndpoint(Endpoint, path="/catalogue/pages"):
    async def get(self) -> JSONResponse[Page[Film]] | NDJSONStreamingResponse[film_loans.Film] | NoContent:
        """Lists films, or those that are lent."""
        return JSONResponse(Page([Film("M")], next="2"))

    async def post(self, items: AsyncIterator[Pair[Film, film_loans.Film]]) -> Page[Page[film_loans.Film]]:
        """Lends many films."""
        return Page([Page([pair.second async for pair in items])])


class FramesEndpoint(Endpoint, path="/catalogue/frames"):
    async def get(self) -> AsyncIterator[Pair[Frame, Cut]]:
        """Streams places in a film, each with a cut."""
        yield Pair(Frame(1, 0.5), Cut(Frame(1), Frame(2)))


CATALOGUE: tuple[type[Endpoint], ...] = (RecordEndpoint, PagesEndpoint, FramesEndpoint)
