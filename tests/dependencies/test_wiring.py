"""Dependencies that cannot work are refused at startup, in a sentence that says what to write."""

from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Annotated, Any

import pytest
from msgspec import Struct

from jero import BaseApp, Endpoint, Request
from jero.auth import HTTPScheme
from jero.contract.dependencies import Dependencies
from jero.errors import WiringError
from jero.testing import TestClient


class Session:
    pass


class Pool:
    pass


class Slots(Struct):
    tenant: str


class Body(Struct):
    name: str


async def session() -> AsyncIterator[Session]:
    yield Session()


async def needing_pool(pool: Pool) -> AsyncIterator[Session]:
    yield Session()


async def needing_session(session: Session) -> AsyncIterator[Pool]:
    yield Pool()


async def needing_itself(session: Session) -> AsyncIterator[Session]:
    yield session


async def with_user(user: str) -> AsyncIterator[Session]:
    yield Session()


async def with_slots(path: Slots) -> AsyncIterator[Session]:
    yield Session()


async def with_body(json: Body) -> AsyncIterator[Session]:
    yield Session()


async def with_bad_headers(headers: dict[str, str]) -> AsyncIterator[Session]:
    yield Session()


async def positional(pool: Pool, /) -> AsyncIterator[Session]:
    yield Session()


async def unannotated(pool: Pool) -> AsyncIterator[Session]:
    yield Session()


async def unreadable(pool: Pool) -> AsyncIterator[Session]:
    yield Session()


async def without_return() -> AsyncIterator[Session]:
    yield Session()


async def coroutine() -> Session:
    return Session()


del unannotated.__annotations__["pool"]
unreadable.__annotations__["pool"] = "Missing"
del without_return.__annotations__["return"]


def plain() -> Session:
    return Session()


@contextmanager
def synchronous() -> Generator[Session]:
    yield Session()


async def of_anything() -> AsyncIterator[Any]:
    yield Session()


class PageEndpoint(Endpoint, path="/pages/{page}"):
    async def get(self, session: Session) -> str:
        return "page"


class LabelledEndpoint(Endpoint, path="/"):
    async def get(self, session: Annotated[Session, "reports"]) -> str:
        return "labelled"


class Numbered:
    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, request: Request) -> int:
        return 1


class Asking:
    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, session: Session) -> int:
        return 1


class App(BaseApp):
    def __init__(self, *factories: Any, endpoint: Endpoint, auth: Any = None) -> None:
        super().__init__()
        self.factories = factories
        self.endpoint = endpoint
        self.auth = auth

    async def _wire(self) -> None:
        for factory in self.factories:
            self._include_dependency(factory)
        self._include_endpoint(self.endpoint, auth=self.auth)

    def include_late(self) -> None:
        self._include_dependency(session)


def test_every_dependency_of_the_tests_is_admitted() -> None:
    with TestClient(App(session, needing_session, endpoint=PageEndpoint())) as client:
        assert client.get("/pages/1").text == "page"


REFUSED: list[tuple[list[Any], str]] = [
    (
        [],
        (
            r"PageEndpoint.get: .* binds arguments by fixed names, and no included dependency has that type\. "
            r"Include a factory of Session in _wire: self\._include_dependency\(factory\)\."
        ),
    ),
    ([needing_pool], r"_include_dependency, Session: jero cannot bind the parameter 'pool: .*Pool', because"),
    (
        [needing_pool, needing_session],
        (
            "_include_dependency: Session, which needs Pool, which needs Session, is a circle. "
            "Take one of them out of the other's parameters."
        ),
    ),
    ([needing_itself], "_include_dependency: Session, which needs Session, is a circle"),
    ([session, session], r'Session has a factory already\. Tell the two apart: as_=Annotated\[Session, "\.\.\."\]'),
    (
        [with_user],
        r"PageEndpoint.get, dependency Session: no authenticator fills the parameter 'user'\. Include the",
    ),
    (
        [with_slots],
        (
            r"PageEndpoint.get, dependency Session: path: Slots has the fields \[tenant\], but the template "
            r"'/pages/{page}' has the slots \[page\]\. Use the names of some of the slots\."
        ),
    ),
    (
        [with_body],
        (
            r"_include_dependency, with_body: a dependency does not read the body, but it takes 'json'\. "
            r"Take json in the handler\."
        ),
    ),
    (
        [with_bad_headers],
        "parameter 'headers': its type is dict.*, which is not a Struct. Annotate it with a Struct",
    ),
    ([positional], r"positional: jero cannot bind the parameter 'pool: .*Pool'\. Give it an annotation and a name"),
    ([unannotated], r"unannotated: jero cannot bind the parameter 'pool'\. Give it an annotation and a name"),
    ([unreadable], r"unreadable: an annotation cannot be read: name 'Missing' is not defined\. Correct it"),
    (
        [without_return],
        r"without_return: the return annotation is missing\. Write -> AsyncIterator",
    ),
    ([coroutine], r"coroutine: it is a coroutine function, so it makes no context manager\. Write an async gen"),
    ([plain], r"plain: it returns Session, which is not an async context manager\. Write an async generator that"),
    ([synchronous], r"synchronous: it returns Generator\[Session\], which is not an async context manager\. Write"),
    ([of_anything], r"of_anything: its annotations do not say what it yields\. Name the type: as_=Session\."),
    ([Session()], r"got Session\. Give the factory, and not what it has made\."),
]


@pytest.mark.parametrize(("factories", "message"), REFUSED)
def test_a_dependency_that_cannot_work_is_refused(factories: list[Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message), TestClient(App(*factories, endpoint=PageEndpoint())):
        pass


def test_a_user_of_another_type_is_refused() -> None:
    app = App(with_user, endpoint=PageEndpoint(), auth=Numbered())
    message = (
        "PageEndpoint.get, dependency Session, parameter 'user': its type is str, but the authenticator returns int"
    )
    with pytest.raises(RuntimeError, match=message), TestClient(app):
        pass


def test_a_missing_label_is_named() -> None:
    message = r"session: .*Annotated.*, because it .*\. Write Session\."
    with pytest.raises(RuntimeError, match=message), TestClient(App(session, endpoint=LabelledEndpoint())):
        pass


def test_an_authenticator_takes_no_dependency() -> None:
    app = App(session, endpoint=PageEndpoint(), auth=Asking())
    message = "Asking.authenticate: the parameter 'session: .*' is not one of headers, cookies, params, path, request"
    with pytest.raises(RuntimeError, match=message), TestClient(app):
        pass


def test_a_type_that_the_factory_does_not_make_is_refused() -> None:
    with pytest.raises(WiringError, match=r"session: as_=Pool, but the factory makes Session\. Name a class or a prot"):
        Dependencies().add(session, Pool)


def test_a_dependency_is_included_only_in_wire() -> None:
    app = App(endpoint=PageEndpoint())
    with pytest.raises(
        WiringError, match=r"_include_dependency: it was called before the application starts\. Call it"
    ):
        app.include_late()
