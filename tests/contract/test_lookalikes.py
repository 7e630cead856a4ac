"""Admits code that only looks like a mistake."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Annotated, Any, ClassVar, Literal, NewType, TypeVar, cast

import pytest
from msgspec import Meta
from typing_extensions import TypeAliasType

from jero import (
    BaseApp,
    JSONResponse,
    NDJSONStreamingResponse,
    ServerSentEvent,
    SSEResponse,
    StreamOutcome,
    StreamPolicy,
)
from jero.testing import TestClient
from tests.application import Application
from tests.contract.applications import Movie, MoviesEndpoint, Wanted, with_endpoint, with_handler


class Genre(StrEnum):
    DRAMA = "drama"


class Level(Enum):
    LOW = 1


F = TypeVar("F", bound=Callable[..., Any])
Title = NewType("Title", str)
PageAlias = TypeAliasType("PageAlias", Wanted)
Movies = TypeAliasType("Movies", list[Movie])
Stream = TypeAliasType("Stream", AsyncIterator[Movie])
Answer = TypeAliasType("Answer", JSONResponse[Movie] | Movie)


async def lifecycle(self: object) -> Any:
    async def start() -> AsyncGenerator[AsyncIterable[int]]:
        async def numbers() -> AsyncIterator[int]:
            yield 1

        yield numbers()

    return start()


def an_endpoint_with_helpers() -> BaseApp:
    @dataclass
    class FilmsEndpoint(MoviesEndpoint, path="/films"):
        tag: str = "a"
        error: str = "b"
        paths: tuple[str, ...] = ()

        async def reset(self) -> None: ...

        async def gets(self, key: str) -> str:  # takes what no request has
            return key

        async def _put(self) -> None: ...

        async def fetch(self) -> Movie:
            return Movie("a")

        async def get_all(self) -> list[Movie]:
            return []

        def host(self) -> str:
            return "a"

    return Application(FilmsEndpoint())


def an_application_with_helpers() -> BaseApp:
    class App(BaseApp):
        async def wire(self) -> None:
            self._include_endpoint(MoviesEndpoint())

        async def _wire(self) -> None:
            await self.wire()

        def _wire_more(self) -> None: ...

    return App()


def a_wire_that_returns_a_coroutine() -> BaseApp:
    class App(BaseApp):
        def _wire(self) -> Any:
            return self._setup()

        async def _setup(self) -> None:
            self._include_endpoint(MoviesEndpoint())

    return App()


def a_subclass_with_an_init() -> BaseApp:
    class App(BaseApp):
        def __init__(self, name: str) -> None:
            super().__init__(validate_items=True)
            self.name = name

    return App("a")


def helpers_that_begin_with_an_operation() -> BaseApp:
    class FilmsEndpoint(MoviesEndpoint, path="/films"):
        async def post_process(self) -> None: ...

        async def put_all(self) -> None: ...

        async def deleted(self, key: str) -> bool:
            return not key

    return Application(FilmsEndpoint())


def logged(function: F) -> F:
    """Decorates without functools.wraps."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return cast("F", call)


def decorated_hooks() -> BaseApp:
    class App(BaseApp):
        @logged
        async def _wire(self) -> None:
            self._include_endpoint(MoviesEndpoint())

        @logged
        async def _on_stream_end(self, outcome: StreamOutcome) -> None: ...

    return App()


def helpers_with_lifespan_in_their_names() -> BaseApp:
    class App(BaseApp):
        def _lifespan_tasks(self) -> None: ...

        async def _log_lifespan(self) -> None: ...

        async def _wire(self) -> None:
            self._include_endpoint(MoviesEndpoint())

    return App()


def lifespans_that_go_on_with_the_original() -> BaseApp:
    class App(BaseApp):
        def lifespan(self) -> AbstractAsyncContextManager[None]:
            return super().lifespan()

    class Other(App):
        def lifespan(self) -> AbstractAsyncContextManager[None]:
            return BaseApp.lifespan(self)

    return Other()


def attributes_near_auth() -> BaseApp:
    @dataclass
    class FilmsEndpoint(MoviesEndpoint, path="/films"):
        author: str = "a"
        auth_url: str = "b"
        oauth: object = None

        exception_handling: ClassVar = "none"
        auths: ClassVar = ("a", "b")

    return Application(FilmsEndpoint())


@pytest.mark.parametrize(
    "make",
    [
        an_endpoint_with_helpers,
        helpers_that_begin_with_an_operation,
        attributes_near_auth,
        decorated_hooks,
        helpers_with_lifespan_in_their_names,
        lifespans_that_go_on_with_the_original,
        an_application_with_helpers,
        a_wire_that_returns_a_coroutine,
        a_subclass_with_an_init,
        lambda: with_endpoint(_tags=["a"], stream_policy=StreamPolicy(), max_body_bytes=0, tags=("a",)),
        lambda: with_endpoint(tag=object(), errors=[]),
        lambda: with_handler(params=PageAlias),
        lambda: with_handler(params=Annotated[Wanted, 1]),
        lambda: with_handler(params=NewType("Wanteds", Wanted)),
        lambda: with_handler(returns=Movies),
        lambda: with_handler(returns=Stream),
        lambda: with_handler(returns=Answer),
        lambda: with_handler(returns=Annotated[AsyncIterator[Movie], "films"]),
        lambda: with_handler(returns=Annotated[JSONResponse[Movie] | Movie, "films"]),
        lambda: with_handler(returns=SSEResponse[str]),
        lambda: with_handler(returns=SSEResponse[Title]),
        lambda: with_handler(returns=SSEResponse[Literal["a", "b"]]),
        lambda: with_handler(returns=SSEResponse[Annotated[str, Meta(max_length=3)] | ServerSentEvent[str]]),
        lambda: with_handler(returns=SSEResponse[bytes]),
        lambda: with_handler(returns=SSEResponse[Genre | Movie]),
        lambda: with_handler(returns=SSEResponse[Level | None]),
        lambda: with_handler(returns=SSEResponse[Any]),
        lambda: with_handler(returns=NDJSONStreamingResponse[str | Movie]),
        lambda: with_handler(returns=AsyncGenerator[AsyncIterable[Movie]]),
    ],
)
def test_what_only_looks_like_a_mistake_is_admitted(make: Callable[[], BaseApp]) -> None:
    with TestClient(make()) as client:
        assert client.get("/nothing").status_code == 404


def test_a_lifecycle_may_be_annotated_with_one_type_argument() -> None:
    lifecycle.__annotations__["return"] = AsyncGenerator[AsyncIterable[int]]
    with TestClient(with_endpoint(get=lifecycle)) as client:
        assert client.get("/films").text == "1\n"
