"""Applications of one endpoint, as a beginner would write them, for tests of what is refused at startup."""

from typing import Any

from msgspec import Struct

from jero import (
    BaseApp,
    Endpoint,
)
from tests.application import Application


class Movie(Struct):
    title: str


class Slot(Struct):
    ids: list[int]


class Filters(Struct):
    filters: dict[str, str]


class Nested(Struct):
    movie: Movie


class Deep(Struct):
    movies: list[Movie] | None = None


class Matrix(Struct):
    rows: list[list[int]] = []


class Wanted(Struct):
    wanted: list[int]


class Token(Struct):
    authorization: str


class MoviesEndpoint(Endpoint, path="/movies"):
    async def get(self) -> Movie:
        return Movie("a")


def with_endpoint(**members: Any) -> BaseApp:
    """Returns an application with an endpoint whose class body has these members."""
    endpoint: Any = type("FilmsEndpoint", (Endpoint,), {"get": MoviesEndpoint.get, **members}, path="/films")
    return Application(endpoint())


def with_handler(**annotations: Any) -> BaseApp:
    """Returns an application with a handler whose parameters have these annotations, at the path `at`."""
    parameters = [name for name in annotations if name not in ("returns", "at")]
    members: dict[str, Any] = {}
    exec(f"async def get(self, {', '.join(parameters)}): ...", {}, members)
    handler = members["get"]
    handler.__annotations__ = {name: annotations[name] for name in parameters}
    handler.__annotations__["return"] = annotations.get("returns", Movie)
    endpoint: Any = type("FilmsEndpoint", (Endpoint,), {"get": handler}, path=annotations.get("at", "/films"))
    return Application(endpoint())
