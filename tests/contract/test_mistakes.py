"""Mistakes of beginners: each is a `WiringError` in one sentence, at startup, with the name that is wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from typing_extensions import TypeAliasType

from jero import (
    BaseApp,
    Endpoint,
    ServerSentEvent,
    SSEResponse,
    StreamOutcome,
    StreamPolicy,
    StreamStart,
    WiringError,
)
from jero.auth import BearerAuth
from jero.auth.scheme import HTTPScheme
from jero.testing import TestClient
from tests.application import Application
from tests.contract.applications import (
    Deep,
    Filters,
    Matrix,
    Movie,
    MoviesEndpoint,
    Nested,
    Slot,
    Wanted,
    with_endpoint,
    with_handler,
)


def made(**members: Any) -> BaseApp:
    """Returns an application whose class has these members."""
    app: Any = type("App", (BaseApp,), members)
    made: BaseApp = app()
    return made


async def include_movies(self: Any) -> None:
    self._include_endpoint(MoviesEndpoint())


async def receive_outcome(self: object, outcome: StreamOutcome) -> None: ...


def receive_outcome_at_once(self: object, outcome: StreamOutcome) -> None: ...


async def receive_start(self: object, start: StreamStart) -> None: ...


def receive_start_at_once(self: object, start: StreamStart) -> None: ...


def init_without_super(self: Any) -> None:
    self.database = "sqlite://"


def class_keyword() -> BaseApp:
    class FilmsEndpoint(Endpoint, pth="/films"):
        pass

    return Application(FilmsEndpoint())


def annotated_attribute() -> BaseApp:
    class FilmsEndpoint(MoviesEndpoint):
        max_body_byte: int = 10

    return Application(FilmsEndpoint())


def class_variable() -> BaseApp:
    class FilmsEndpoint(MoviesEndpoint):
        validate_item: ClassVar[bool] = True

    return Application(FilmsEndpoint())


def policy_of_the_instance() -> BaseApp:
    class FilmsEndpoint(MoviesEndpoint):
        def __init__(self) -> None:
            vars(self)["stream_policy"] = {"chunk_bytes": 1}

    return Application(FilmsEndpoint())


def get_without_self() -> Any:
    async def get(params: Slot) -> Movie: ...  # type: ignore[empty-body] # never called

    return get


async def a_handler(self: object) -> Movie:
    return Movie("a")


async def items_of_another(self: object, items: AsyncIterator[Movie]) -> Movie:
    return Movie("a")


def on_stream_error(self: object) -> None: ...


def on_error(self: object, error: Exception) -> None: ...


MIXED = TypeAliasType("MIXED", str | Movie)

MISTAKES: dict[str, tuple[Callable[[], BaseApp], str]] = {
    "_wired": (
        lambda: made(_wired=include_movies),
        r"App\._wired: jero does not call _wired\. Write async def _wire\.",
    ),
    "on_stream_ended": (
        lambda: made(on_stream_ended=receive_outcome),
        r"App\.on_stream_ended: .* Write async def _on_stream_end\.",
    ),
    "def _on_stream_end": (
        lambda: made(_on_stream_end=receive_outcome_at_once),
        r"App\._on_stream_end: it is not async def\. ",
    ),
    "_on_stream_started": (
        lambda: made(_on_stream_started=receive_start),
        r"App\._on_stream_started: .* Write async def _on_stream_start\.",
    ),
    "def _on_stream_start": (
        lambda: made(_on_stream_start=receive_start_at_once),
        r"App\._on_stream_start: it is not async def\. ",
    ),
    "policy in App": (lambda: made(stream_policy=StreamPolicy()), r"App: stream_policy is not read from the class\. "),
    "encoder": (lambda: Application(encoder=msgspec.json.encode), r"encoder is of type builtin_function_or_method: "),
    "policy of instance": (policy_of_the_instance, r"FilmsEndpoint: stream_policy is of type dict: "),
    "pots": (lambda: with_endpoint(pots=items_of_another), r"FilmsEndpoint\.pots: .* Write post, or "),
    "deleet": (lambda: with_endpoint(deleet=a_handler), r"FilmsEndpoint\.deleet: .* Write delete, or "),
    "PUT": (lambda: with_endpoint(PUT=a_handler), r"FilmsEndpoint\.PUT: PUT is not an operation\. Write put, or "),
    "head": (
        lambda: with_endpoint(head=a_handler),
        r"FilmsEndpoint\.head: .* jero answers HEAD with the headers of get",
    ),
    "options": (lambda: with_endpoint(options=a_handler), r"FilmsEndpoint\.options: .* jero answers OPTIONS with "),
    "stream_polcy": (
        lambda: with_endpoint(stream_polcy=StreamPolicy()),
        r"FilmsEndpoint: jero has no setting stream_polcy\. Write stream_policy, or ",
    ),
    "max_body_byte": (lambda: with_endpoint(max_body_byte=1), r"has no setting max_body_byte\. Write max_body_bytes, "),
    "taggs": (lambda: with_endpoint(taggs=["a"]), r"FilmsEndpoint: jero has no setting taggs\. Write tags, or "),
    "depricated": (lambda: with_endpoint(depricated=True), r"jero has no setting depricated\. Write deprecated, or "),
    "annotated": (annotated_attribute, r"FilmsEndpoint: jero has no setting max_body_byte\. "),
    "ClassVar": (class_variable, r"FilmsEndpoint: jero has no setting validate_item\. Write validate_items, or "),
    "max_body_bytes": (
        lambda: with_endpoint(max_body_bytes="1MB"),
        r"max_body_bytes is of type str: '1MB'\. Write a num",
    ),
    "cancel_on_disconnect": (
        lambda: with_endpoint(cancel_on_disconnect=1),
        r"cancel_on_disconnect is of type int: 1\. Write True",
    ),
    "no handler_timeout": (
        lambda: with_endpoint(handler_timeout=0),
        r"FilmsEndpoint: handler_timeout is 0\. Write a positive number of seconds",
    ),
    "no body_timeout": (
        lambda: with_endpoint(body_timeout=float("nan")),
        r"FilmsEndpoint: body_timeout is nan\. Write a positive number of seconds",
    ),
    "validate_items": (
        lambda: with_endpoint(validate_items="yes"),
        r"validate_items is of type str: 'yes'\. Write True",
    ),
    "on_stream_eror": (
        lambda: with_endpoint(on_stream_eror=on_error),
        r"FilmsEndpoint\.on_stream_eror: jero does not call on_stream_eror\. Write def on_stream_error\(self, error",
    ),
    "_on_stream_error": (
        lambda: with_endpoint(_on_stream_error=on_error),
        r"FilmsEndpoint\._on_stream_error: jero does not call _on_stream_error\. ",
    ),
    "on_stream_error(self)": (
        lambda: with_endpoint(on_stream_error=on_stream_error),
        r"FilmsEndpoint\.on_stream_error: it does not take the error: ",
    ),
    "get(params)": (
        lambda: with_endpoint(get=get_without_self()),
        r"FilmsEndpoint\.get: its first argument is 'params', but .* Write async def get\(self, params: .*Slot'?\)\.",
    ),
    "class keyword": (
        class_keyword,
        r"FilmsEndpoint: 'pth' is not a keyword .* Write class FilmsEndpoint\(Endpoint, path=",
    ),
    "Struct in params": (
        lambda: with_handler(params=Nested),
        r"field 'movie' of Nested is of type Movie, which a query",
    ),
    "Structs in params": (
        lambda: with_handler(params=Deep),
        r"the field 'movies' of Deep is of type Movie, which a que",
    ),
    "lists in a list": (
        lambda: with_handler(params=Matrix),
        r"the field 'rows' of Matrix is of type list, which a quer",
    ),
    "Struct in headers": (
        lambda: with_handler(headers=Nested),
        r"'movie' of Nested is of type Movie, which a header can",
    ),
    "dict in cookies": (
        lambda: with_handler(cookies=Filters),
        r"'filters' of Filters is of type dict, which a cookie ca",
    ),
    "list in cookies": (
        lambda: with_handler(cookies=Wanted),
        r"'wanted' of Wanted is of type list, which a cookie cann",
    ),
    "list in path": (
        lambda: with_handler(path=Slot, at="/films/{ids}"),
        r"the field 'ids' of Slot is of type list, which a slot of the path cannot fill\. Write a str, a number or ",
    ),
    "Struct in Annotated": (
        lambda: with_handler(params=Annotated[Nested, 1]),
        r"the field 'movie' of Nested is of type",
    ),
    "text and JSON": (
        lambda: with_handler(returns=SSEResponse[str | Movie]),
        r"FilmsEndpoint\.get: the items are str \| Movie, of which an event stream sends some as text and some as JSON",
    ),
    "text and null": (
        lambda: with_handler(returns=SSEResponse[str | None]),
        r"the items are str \| None, of which an ",
    ),
    "text and number": (
        lambda: with_handler(returns=SSEResponse[Literal["a", 1]]),
        r"the items are Literal\['a', 1\], ",
    ),
    "negotiated": (
        lambda: with_handler(returns=AsyncIterator[str | Movie]),
        r"the items are str \| Movie, of which an ",
    ),
    "alias": (
        lambda: with_handler(returns=SSEResponse[MIXED]),
        r"the items are str \| Movie, of which an event stream",
    ),
    "event of text": (
        lambda: with_handler(returns=AsyncIterator[Movie | ServerSentEvent[str]]),
        r"the items are Movie \| str, of which an event stream sends some as text",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_a_wiring_error_at_startup(mistake: str) -> None:
    make, message = MISTAKES[mistake]

    async def start() -> None:
        async with make().lifespan():
            raise AssertionError("it has started")

    with pytest.raises(WiringError) as refused:
        asyncio.run(start())
    found = str(refused.value)
    assert re.search(message, found), found
    assert found.endswith(".")
    assert "\n" not in found


def test_a_server_is_told_why_the_application_does_not_start() -> None:
    with pytest.raises(RuntimeError, match=r"App\.__init__: it does not call the __init__ of BaseApp"):
        TestClient(made(__init__=init_without_super, _wire=include_movies)).__enter__()


def test_the_words_of_an_authenticator_are_checked_too() -> None:
    class Tokens:
        scheme = HTTPScheme(scheme="bearer")

        async def authenticate(self, headers: Nested) -> Movie:
            raise NotImplementedError

    class Users(BearerAuth[Movie]):
        async def verify(self) -> Movie:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - the mistake
            raise NotImplementedError

    async def start(auth: Any) -> None:
        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(MoviesEndpoint(), auth=auth)

        async with App().lifespan():
            raise AssertionError("it has started")

    with pytest.raises(WiringError, match=r"the field 'movie' of Nested is of type Movie, which a header cannot fill"):
        asyncio.run(start(Tokens()))
    with pytest.raises(WiringError, match=r"MoviesEndpoint, auth Users\.verify: it does not take the credentials: "):
        asyncio.run(start(Users()))
