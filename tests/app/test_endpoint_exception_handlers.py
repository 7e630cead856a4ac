"""The exception handlers of one endpoint: for every request to its path, before those of the application."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from msgspec import Struct

from jero import (
    BaseApp,
    Conflict,
    Endpoint,
    Forbidden,
    Gone,
    HTTPError,
    JSONResponse,
    NDJSONStreamingResponse,
    NoContent,
    NotFound,
    StreamPolicy,
)
from jero.auth import BearerAuth
from jero.testing import AsyncTestClient, TestClient
from tests.app.shop import RaisingEndpoint, ShopError, SoldOut, SoldOutForever, returning, saying
from tests.application import call, http_scope

Handlers = Mapping[Any, Any]


class Code(Struct):
    code: str


def in_the_dialect(error: HTTPError) -> JSONResponse[Code]:
    return JSONResponse(content=Code(error.type), status_code=error.status, raw_headers=error.headers)


class Visitor(Struct):
    name: str


class Tokens(BearerAuth[Visitor]):
    async def verify(self, token: str) -> Visitor:
        if token != "right":
            raise Forbidden
        return Visitor(token)


class Film(Struct):
    title: str


class FilmEndpoint(Endpoint, path="/films/{film}"):
    """Can be refused in each way that jero knows."""

    max_body_bytes = 20
    body_timeout = 0.01

    async def get(self) -> AsyncIterator[Film]:
        raise NotImplementedError

    async def post(self, json: Film) -> Film:
        return json


class Other(Endpoint, path="/other"):
    async def get(self) -> str:
        raise Conflict


class App(BaseApp):
    """Includes endpoints with the handlers of each, and handlers of its own."""

    def __init__(self, *endpoints: tuple[Endpoint, Handlers | None], handlers: Handlers | None = None) -> None:
        super().__init__()
        self._endpoints = endpoints
        self._handlers = handlers or {}

    async def _wire(self) -> None:
        for endpoint, handlers in self._endpoints:
            auth = Tokens() if isinstance(endpoint, FilmEndpoint) else None
            self._include_endpoint(endpoint, auth=auth, exception_handlers=handlers)
        for exception, handler in self._handlers.items():
            self._include_exception_handler(exception, handler)


def answered(error: BaseException, own: Handlers | None, handlers: Handlers | None = None) -> httpx.Response:
    """Returns the answer to a request whose endpoint, with handlers of its `own`, raises `error`."""
    with TestClient(App((RaisingEndpoint(error), own), handlers=handlers)) as client:
        return client.get("/raise")


JSON = {"Content-Type": "application/json"}
RIGHT = {"Authorization": "Bearer right"}


@pytest.mark.parametrize(
    ("method", "headers", "content", "status", "code"),
    [
        ("POST", {**RIGHT, **JSON}, b"{", 400, "malformed-request"),
        ("POST", {}, b"", 401, "unauthorized"),
        ("POST", {"Authorization": "Bearer wrong"}, b"", 403, "forbidden"),
        ("PUT", RIGHT, b"", 405, "method-not-allowed"),
        ("GET", {**RIGHT, "Accept": "image/png"}, b"", 406, "not-acceptable"),
        ("POST", {**RIGHT, **JSON}, b" " * 21, 413, "content-too-large"),
        ("POST", RIGHT, b"a", 415, "unsupported-media-type"),
        ("POST", {**RIGHT, **JSON}, b'{"title":1}', 422, "unprocessable-content"),
    ],
)
def test_every_refusal_of_a_request_to_the_path_is_answered_by_the_endpoint(
    method: str, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    with TestClient(App((FilmEndpoint(), {HTTPError: in_the_dialect}))) as client:
        response = client.request(method, "/films/m", headers=headers, content=content)
    assert (response.status_code, response.json()) == (status, {"code": code})


async def test_a_silent_body_is_answered_by_the_endpoint() -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.get_running_loop().create_future()

    async with AsyncTestClient(App((FilmEndpoint(), {HTTPError: in_the_dialect}))) as client:
        response = await client.post("/films/m", headers={**RIGHT, **JSON}, content=silent())
    assert (response.status_code, response.json()) == (408, {"code": "request-timeout"})


class TicksEndpoint(Endpoint, path="/ticks"):
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._ticks())

    async def _ticks(self) -> AsyncIterator[int]:
        if self.error is not None:
            raise self.error
        yield 1
        await asyncio.get_running_loop().create_future()


async def test_a_stream_that_is_refused_while_the_server_drains_is_answered_by_the_endpoint() -> None:
    app = App((TicksEndpoint(), {HTTPError: in_the_dialect}))
    async with AsyncTestClient(app) as client:
        await app.drain()
        response = await client.get("/ticks")
    assert (response.status_code, response.json()) == (503, {"code": "service-unavailable"})
    assert "retry-after" in response.headers


@pytest.mark.parametrize(
    ("policy", "status"), [(StreamPolicy(max_concurrent=1), 503), (StreamPolicy(max_per_caller=1), 429)]
)
async def test_a_stream_that_is_not_admitted_is_answered_by_the_endpoint(policy: StreamPolicy, status: int) -> None:
    endpoint = TicksEndpoint()
    vars(endpoint)["stream_policy"] = policy
    async with AsyncTestClient(App((endpoint, {HTTPError: in_the_dialect}))) as client, client.stream("GET", "/ticks"):
        response = await client.get("/ticks")
    assert response.status_code == status
    assert list(response.json()) == ["code"]


def test_a_failure_before_the_first_byte_of_a_stream_is_answered_by_the_endpoint() -> None:
    with TestClient(App((TicksEndpoint(SoldOut()), {SoldOut: saying("sold out")}))) as client:
        response = client.get("/ticks")
    assert (response.status_code, response.json()) == (409, {"note": "sold out"})


def test_an_unexpected_exception_is_given_to_the_handler_of_http_errors_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = answered(ValueError("secret"), {HTTPError: in_the_dialect})
    assert (response.status_code, response.json()) == (500, {"code": "internal-server-error"})
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["secret"]


def test_another_endpoint_and_an_unknown_path_are_answered_by_the_application() -> None:
    own, others = {HTTPError: in_the_dialect}, {HTTPError: saying("application")}
    with TestClient(App((RaisingEndpoint(Gone()), own), (Other(), None), handlers=others)) as client:
        bodies = [client.get(path).json() for path in ("/raise", "/other", "/nothing")]
    assert bodies == [{"code": "gone"}, {"note": "application"}, {"note": "application"}]


@pytest.mark.parametrize(
    ("error", "own", "note"),
    [
        (SoldOutForever(), {SoldOut: saying("own SoldOut"), ShopError: saying("own ShopError")}, "own SoldOut"),
        (SoldOutForever(), {ShopError: saying("own ShopError")}, "own ShopError"),
        (SoldOut(), {LookupError: saying("own LookupError")}, "SoldOut"),
        (NotFound(), {Exception: saying("own Exception")}, "HTTPError"),
        (KeyError(), {HTTPError: saying("own HTTPError")}, "Exception"),
        (ExceptionGroup("", [SoldOut()]), {ExceptionGroup: saying("own group")}, "own group"),
    ],
    ids=["nearest", "base", "no match", "of Exception", "unexpected", "group"],
)
def test_the_endpoint_is_asked_before_the_application(error: Exception, own: Handlers, note: str) -> None:
    kinds: list[type[Exception]] = [SoldOut, HTTPError, Exception, SoldOutForever]
    handlers = {kind: saying(kind.__name__) for kind in kinds}
    assert answered(error, own, handlers).json() == {"note": note}


def raising(error: Exception) -> Callable[[Exception], NoContent]:
    def handler(_: Exception) -> NoContent:
        raise error

    return handler


@pytest.mark.parametrize("handler", [returning(Gone()), raising(Gone())], ids=["returns", "raises"])
def test_an_http_error_of_a_handler_goes_through_the_handlers_again(handler: Any) -> None:
    assert answered(SoldOut(), {SoldOut: handler, HTTPError: in_the_dialect}).json() == {"code": "gone"}
    assert answered(SoldOut(), {SoldOut: handler}, {HTTPError: in_the_dialect}).json() == {"code": "gone"}
    assert answered(SoldOut(), {SoldOut: handler}).json()["type"] == "gone"


def test_a_handler_that_returns_its_error_leaves_it_to_the_application() -> None:
    def itself(error: HTTPError) -> HTTPError:
        return error

    assert answered(Gone(), {HTTPError: itself}, {HTTPError: in_the_dialect}).json() == {"code": "gone"}
    assert answered(Gone(), {HTTPError: itself}).json()["type"] == "gone"


@dataclass
class Teapot:
    """A handler that has no hash, as every dataclass that is not frozen."""

    status: int

    def __call__(self, _: SoldOut) -> NoContent:
        return NoContent(status_code=self.status)


def test_a_handler_may_have_no_hash() -> None:
    assert answered(SoldOut(), {SoldOut: Teapot(205)}).status_code == 205


def test_a_handler_that_raises_is_a_500_as_a_problem(caplog: pytest.LogCaptureFixture) -> None:
    own = {HTTPError: raising(ValueError("second"))}
    response = answered(SoldOut("first"), own, {HTTPError: in_the_dialect})
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["first", "second"]


class Reads(Endpoint, path="/shared/{name}"):
    async def get(self) -> str:
        return "read"


class Writes(Endpoint, path="/shared/{other}"):
    async def post(self) -> str:
        raise Conflict


@pytest.mark.parametrize("first", [Reads, Writes])
def test_a_405_of_a_path_with_several_endpoints_is_answered_by_the_first(first: type[Endpoint]) -> None:
    second = Writes if first is Reads else Reads
    app = App((first(), {HTTPError: saying("first", 405)}), (second(), {HTTPError: saying("second", 405)}))
    with TestClient(app) as client:
        assert client.delete("/shared/1").json() == {"note": "first"}
        assert client.post("/shared/1").json() == {"note": "first" if first is Writes else "second"}
    with TestClient(App((first(), None), (second(), {HTTPError: saying("second", 405)}))) as client:
        assert client.delete("/shared/1").json()["type"] == "method-not-allowed"


async def test_a_client_that_has_left_is_not_answered() -> None:
    called: list[Exception] = []
    async with AsyncTestClient(app := App((FilmEndpoint(), {Exception: called.append, HTTPError: called.append}))):
        scope = http_scope("POST", "/films/m")
        scope["headers"] = [(b"authorization", b"Bearer right"), (b"content-type", b"application/json")]
        assert await call(app, scope, [{"type": "http.disconnect"}]) == []
    assert not called


@pytest.mark.parametrize(
    ("handlers", "message"),
    [
        ({KeyboardInterrupt: saying("n")}, "KeyboardInterrupt ends a task or the program"),
        ({int: saying("n")}, "int is not an exception class. Give a subclass of Exception."),
        ({SoldOut: lambda: None}, "the handler of SoldOut, .*, does not take the exception as its first argument"),
        (
            [(SoldOut, saying("n"))],
            r"exception_handlers is of type list, and not a mapping. Write exception_handlers=\{SomeError: h",
        ),
        (SoldOut, "exception_handlers is of type type, and not a mapping"),
    ],
)
def test_what_cannot_be_a_handler_is_refused_at_startup(handlers: Any, message: str) -> None:
    app = App((RaisingEndpoint(SoldOut()), handlers))
    with pytest.raises(RuntimeError, match=f"_include_endpoint: {message}"), TestClient(app):
        pass


def test_the_handlers_of_one_endpoint_may_be_shared() -> None:
    shared = {HTTPError: in_the_dialect, SoldOut: saying("sold out")}
    with TestClient(App((RaisingEndpoint(SoldOut()), shared), (Other(), shared))) as client:
        assert [client.get("/raise").json(), client.get("/other").json()] == [
            {"note": "sold out"},
            {"code": "conflict"},
        ]
