"""Tests how a dependency is found, what its factory gets, and how a test replaces it."""

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Annotated, Any, Generic, Protocol, Self, TypeVar
from unittest.mock import AsyncMock, Mock

import pytest
from msgspec import Struct
from typing_extensions import TypeVar as VariableWithDefault

from jero import BaseApp, Endpoint, Request, WiringError
from jero.auth import HTTPScheme
from jero.contract.dependencies import read_dependency
from jero.testing import TestClient


class Session:
    def __init__(self, name: str) -> None:
        self.name = name


class Readable(Protocol):
    name: str


class Opened(Session):
    """A class that is its own context manager."""

    def __init__(self, name: str = "opened") -> None:
        super().__init__(name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Closes nothing."""


T = TypeVar("T")
S = TypeVar("S", bound="Session")
D = VariableWithDefault("D", default="Session")


class Manager(Generic[T]):
    """A generic context manager, as SQLAlchemy has one."""

    async def __aenter__(self) -> T:
        raise NotImplementedError

    async def __aexit__(self, *error: object) -> None:
        raise NotImplementedError


class Quoted(Manager["Session"]):
    pass


class Awaited:
    def __aenter__(self) -> Coroutine[Any, Any, Session]:
        raise NotImplementedError

    async def __aexit__(self, *error: object) -> None:
        raise NotImplementedError


async def generator() -> AsyncGenerator[Session, None]:
    yield Session("generator")


async def iterator() -> "AsyncIterator[Session]":
    yield Session("iterator")


@asynccontextmanager
async def managed() -> AsyncGenerator[Session]:
    yield Session("managed")


def function() -> AbstractAsyncContextManager[Session]:
    return nullcontext(Session("function"))


def quoted() -> Quoted:
    raise NotImplementedError


def awaited() -> Awaited:
    raise NotImplementedError


def defaulted(size: int = 5, *arguments: object, **options: object) -> Manager[Session]:
    raise NotImplementedError


# A library imports it for type checkers alone.
defaulted.__annotations__ |= dict.fromkeys(("size", "arguments", "options"), "Missing")


def unreachable() -> Any:
    raise NotImplementedError


class Maker(Generic[S]):
    def begin(self) -> Manager[S]:
        raise NotImplementedError

    def __call__(self) -> S:
        raise NotImplementedError

    async def generate(self) -> AsyncIterator[S]:
        yield unreachable()


class Pool(Generic[D]):
    @asynccontextmanager
    async def connection(self, size: float | None = None) -> AsyncGenerator[D]:
        yield unreachable()


class OpenedMaker(Maker[Opened]):
    pass


class OpenMaker(Generic[T]):
    def begin(self) -> T:
        raise NotImplementedError


B = TypeVar("B", bound=Opened)


class SessionMaker(Generic[B]):
    def __call__(self) -> B:
        raise NotImplementedError


UNFILLED: Any = Maker
UNFILLED_POOL: Any = Pool
UNFILLED_MAKER: Any = SessionMaker
FACTORIES: list[tuple[Any, object]] = [
    (generator, Session),
    (iterator, Session),
    (managed, Session),
    (function, Session),
    (functools.partial(managed), Session),
    (Opened, Opened),
    (quoted, Session),
    (awaited, Session),
    (defaulted, Session),
    (Maker[Session]().begin, Session),
    (Maker[Opened]().begin, Opened),
    (UNFILLED_POOL().connection, Session),
    (Pool[Opened]().connection, Opened),
    (UNFILLED().begin, Session),
    (OpenedMaker().begin, Opened),
    (OpenedMaker().generate, Opened),
    (OpenMaker[Opened]().begin, Opened),
    (UNFILLED_MAKER(), Opened),
]


@pytest.mark.parametrize(("factory", "kind"), FACTORIES, ids=range(len(FACTORIES)))
def test_the_type_is_read_from_the_annotations(factory: Any, kind: object) -> None:
    dependency = read_dependency(factory, None, "_include_dependency")
    assert dependency.key.type is kind
    assert not dependency.needs
    assert not dependency.inputs


class SessionEndpoint(Endpoint, path="/session"):
    async def get(self, session: Session) -> str:
        return session.name


class ServingApp(BaseApp):
    """Serves endpoints with the dependencies of `factories`, each with its `as_`."""

    def __init__(self, *factories: tuple[Any, Any], endpoint: Endpoint, auth: Any = None) -> None:
        super().__init__()
        self.factories = factories
        self.endpoint = endpoint
        self.auth = auth

    async def _wire(self) -> None:
        self._include_endpoint(self.endpoint, auth=self.auth)  # the order of inclusion makes no difference
        for factory, as_ in self.factories:
            self._include_dependency(factory, as_=as_)


@pytest.mark.parametrize("factory", [generator, iterator, managed, function, functools.partial(managed)])
def test_each_kind_of_factory_is_opened(factory: Callable[..., Any]) -> None:
    app = ServingApp((factory, None), endpoint=SessionEndpoint())
    name = getattr(factory, "func", factory).__name__
    with TestClient(app) as client:
        assert client.get("/session").text == name


def test_as_names_an_interface() -> None:
    class ReadableEndpoint(Endpoint, path="/"):
        async def get(self, anything: Readable) -> str:
            return anything.name

    with TestClient(ServingApp((Opened, Readable), endpoint=ReadableEndpoint())) as client:
        assert client.get("/").text == "opened"


def test_as_is_enough_if_there_is_no_annotation() -> None:
    class Pool:
        def acquire(self, *, size: int | None = None) -> Any:
            return nullcontext(Session(f"acquired {size}"))

    Pool.acquire.__annotations__.clear()  # asyncpg has no annotations there
    with TestClient(ServingApp((Pool().acquire, Session), endpoint=SessionEndpoint())) as client:
        assert client.get("/session").text == "acquired None"


def test_annotated_distinguishes_two_of_one_type() -> None:
    async def reports() -> AsyncIterator[Annotated[Session, "reports"]]:
        yield Session("reports")

    class BothEndpoint(Endpoint, path="/"):
        async def get(self, one: Session, other: Annotated[Session, "reports"]) -> str:
            return f"{one.name} {other.name}"

    with TestClient(ServingApp((managed, None), (reports, None), endpoint=BothEndpoint())) as client:
        assert client.get("/").text == "managed reports"
    labelled = Annotated[Session, "reports"]
    with TestClient(ServingApp((managed, None), (generator, labelled), endpoint=BothEndpoint())) as client:
        assert client.get("/").text == "managed generator"


def test_type_arguments_that_one_side_leaves_out_make_no_difference() -> None:
    class Connection(Generic[T]):
        name = "connection"

    async def connected() -> AsyncIterator[Connection[int]]:
        yield Connection()

    class BareEndpoint(Endpoint, path="/"):
        async def get(self, connection: Connection[Any]) -> str:
            return connection.name

    BareEndpoint.get.__annotations__["connection"] = Connection

    with TestClient(ServingApp((connected, None), endpoint=BareEndpoint())) as client:
        assert client.get("/").text == "connection"


class Slots(Struct):
    tenant: str


class Headers(Struct):
    x_trace: str


class Query(Struct):
    size: int = 1


class Cookies(Struct):
    theme: str = "light"


class Users:
    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, request: Request) -> str:
        return f"user of {request.method}"


class Bound(Struct):
    text: str


async def bound(  # noqa: PLR0913 - all that a factory may take
    *,
    request: Request,
    path: Slots,
    headers: Headers,
    params: Query,
    cookies: Cookies,
    user: str,
    session: Session,
    left_alone: int = 7,
) -> AsyncIterator[Bound]:
    values = [request.path, path.tenant, headers.x_trace, params.size, cookies.theme, user, session.name, left_alone]
    yield Bound(" ".join(map(str, values)))


class BoundEndpoint(Endpoint, path="/{tenant}/pages/{page}"):
    async def get(self, bound: Bound) -> str:
        return bound.text

    async def post(self, bound: Bound, json: Query) -> Bound:
        return bound


def test_a_factory_is_bound_like_a_handler() -> None:
    app = ServingApp((bound, None), (managed, None), endpoint=BoundEndpoint(), auth=Users())
    with TestClient(app) as client:
        found = client.get("/acme/pages/7?size=5", headers={"X-Trace": "t", "Cookie": "theme=dark"})
        assert found.text == "/acme/pages/7 acme t 5 dark user of GET managed 7"


def test_what_a_factory_cannot_read_is_refused_before_the_body_is_read_and_anything_is_opened() -> None:
    opened: list[str] = []

    async def noted() -> AsyncIterator[Session]:
        opened.append("session")
        yield Session("noted")

    app = ServingApp((bound, None), (noted, None), endpoint=BoundEndpoint(), auth=Users())
    with TestClient(app) as client:
        refused = client.post("/acme/pages/7", content=b"not json", headers={"Content-Type": "application/json"})
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["loc"] == ["headers", "x_trace"]
        assert client.get("/acme/pages/7?size=five", headers={"X-Trace": "t"}).status_code == 400
    assert not opened


def test_a_dependency_is_opened_once_a_request_and_shared() -> None:
    opened: list[Session] = []

    async def counted() -> AsyncIterator[Session]:
        opened.append(Session(str(len(opened))))
        yield opened[-1]

    class One(Struct):
        session: Any

    class Other(Struct):
        session: Any

    async def one(session: Session) -> AsyncIterator[One]:
        yield One(session)

    async def other(session: Session, one: One) -> AsyncIterator[Other]:
        assert one.session is session
        yield Other(session)

    class SharedEndpoint(Endpoint, path="/"):
        async def get(self, other: Other, one: One, session: Session) -> str:
            assert other.session is one.session is session
            return str(session.name)

    app = ServingApp((other, None), (one, None), (counted, None), endpoint=SharedEndpoint())
    with TestClient(app) as client:
        assert [client.get("/").text for _ in range(3)] == ["0", "1", "2"]
    assert len(opened) == 3


async def from_the_request(request: Request) -> AsyncIterator[Session]:
    yield Session(request.path)


@pytest.mark.parametrize(
    ("replacement", "name"),
    [
        (Session("a value"), "a value"),
        (Opened("a value that is a manager"), "a value that is a manager"),
        (from_the_request, "/session"),
        (lambda: nullcontext(Session("a lambda")), "a lambda"),
        (functools.partial(Opened, "a partial"), "a partial"),
        (Opened, "opened"),
        (Mock(spec=Session, name="a mock"), "a mock"),
    ],
    ids=["value", "manager", "generator", "lambda", "partial", "class", "mock"],
)
def test_override_replaces_a_dependency_within_a_block(replacement: Any, name: str) -> None:
    if isinstance(replacement, Mock):
        replacement.name = name
    app = ServingApp((managed, None), endpoint=SessionEndpoint())
    with TestClient(app) as client:
        with app.override(Session, replacement):
            assert client.get("/session").text == name
        assert client.get("/session").text == "managed"
    with app.override(Session, replacement), TestClient(app) as client:
        assert client.get("/session").text == name
    with TestClient(app) as client:
        assert client.get("/session").text == "managed"


def test_the_inner_one_of_two_overrides_counts() -> None:
    app = ServingApp((managed, None), endpoint=SessionEndpoint())
    with TestClient(app) as client, app.override(Session, Session("outer")):
        with app.override(Session, AsyncMock(name="inner")) as nothing:
            assert nothing is None
            assert client.get("/session").status_code == 500 or client.get("/session").text
        assert client.get("/session").text == "outer"


def test_override_replaces_what_other_dependencies_need() -> None:
    async def named(session: Session) -> AsyncIterator[Bound]:
        yield Bound(session.name)

    class NamedEndpoint(Endpoint, path="/"):
        async def get(self, named: Bound) -> str:
            return named.text

    app = ServingApp((named, None), (managed, None), endpoint=NamedEndpoint())
    with TestClient(app) as client:
        with app.override(Session, Session("another")):
            assert client.get("/").text == "another"
        assert client.get("/").text == "managed"


def test_an_override_of_a_labelled_dependency_leaves_the_other_alone() -> None:
    labelled: Any = Annotated[Session, "reports"]

    class BothEndpoint(Endpoint, path="/"):
        async def get(self, one: Session, other: Annotated[Session, "reports"]) -> str:
            return f"{one.name} {other.name}"

    app = ServingApp((managed, None), (generator, labelled), endpoint=BothEndpoint())
    with TestClient(app) as client, app.override(labelled, Session("other")):
        assert client.get("/").text == "managed other"


def test_an_override_without_use_is_refused_and_changes_nothing() -> None:
    app = ServingApp((managed, None), endpoint=SessionEndpoint())
    with TestClient(app) as client:
        with pytest.raises(
            WiringError, match=r"^override: no dependency Opened is included\. Include a factory of Opened"
        ):
            app.override(Opened, Opened()).__enter__()
        with pytest.raises(
            WiringError, match=r"^override: Session is a class, .*\. Give an instance, Session\(\.\.\.\)"
        ):
            app.override(Session, Session).__enter__()
        assert client.get("/session").text == "managed"


def test_a_factory_that_returns_no_manager_is_a_logged_500(caplog: pytest.LogCaptureFixture) -> None:
    app = ServingApp((managed, None), endpoint=SessionEndpoint())
    with TestClient(app) as client, app.override(Session, lambda: Session("bare")):
        assert client.get("/session").status_code == 500
    assert "returned Session, which is not an async context manager. Return one." in caplog.text
