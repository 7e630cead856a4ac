"""Middleware around an application: its order, the requests that it sees, and the exceptions that it raises."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import pytest
from starlette.middleware.cors import CORSMiddleware

from jero import BaseApp, Conflict, Endpoint, NDJSONStreamingResponse, TooManyRequests, WiringError
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send
from jero.testing import AsyncTestClient, TestClient
from tests.application import call, call_and_cancel, http_scope

INTERNAL = {"type": "internal-server-error", "title": "Internal server error", "status": 500}


class NamesEndpoint(Endpoint, path="/names"):
    async def get(self) -> list[str]:
        return ["a"]


class BrokenEndpoint(Endpoint, path="/broken"):
    async def get(self) -> str:
        raise ValueError("secret")


class LinesEndpoint(Endpoint, path="/lines"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._numbers())

    async def _numbers(self) -> AsyncIterator[int]:
        yield 1
        yield 2


class Included(NamedTuple):
    """The arguments of `_include_middleware`."""

    factory: Any
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = {}


class App(BaseApp):
    """Includes this middleware. Records in `events` when it is wired."""

    def __init__(self, *middleware: Included) -> None:
        super().__init__()
        self.middleware = middleware
        self.events: list[str] = []

    async def _wire(self) -> None:
        for factory, arguments, options in self.middleware:
            self._include_middleware(factory, *arguments, **options)
        for endpoint in (NamesEndpoint(), BrokenEndpoint(), LinesEndpoint()):
            self._include_endpoint(endpoint)
        self.events.append("wired")


class Marking:
    """Adds its mark to the scope of a request, and to the header `x-marks` of the response."""

    def __init__(self, app: ASGIApp, mark: str = "m", *, made: list[str] | None = None) -> None:
        self._app = app
        self._mark = mark
        if made is not None:
            made.append(mark)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-marks", self._mark.encode())]
            await send(message)

        await self._app({**scope, "marks": [*scope.get("marks", []), self._mark]}, receive, marked)


def include(factory: Any, *arguments: Any, **options: Any) -> Included:
    """Returns the arguments to include this factory with these options."""
    return Included(factory, arguments, options)


def wrapping(around: Callable[[ASGIApp, Scope, Receive, Send], Any]) -> Included:
    """Returns the arguments to include a middleware that is a function of the application and the request."""

    def factory(app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            await around(app, scope, receive, send)

        return wrapped

    return include(factory)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/names", 200),
        ("GET", "/lines", 200),
        ("HEAD", "/lines", 200),
        ("OPTIONS", "/names", 204),
        ("GET", "/nothing", 404),
        ("POST", "/names", 405),
        ("GET", "/broken", 500),
    ],
)
def test_the_first_middleware_is_the_outermost_around_every_response(method: str, path: str, status: int) -> None:
    app = App(include(Marking, "outer"), include(Marking, mark="inner"))
    with TestClient(app) as client:
        response = client.request(method, path)
    assert response.status_code == status
    assert response.headers.get_list("x-marks") == ["inner", "outer"]


async def raise_429(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    raise TooManyRequests(headers={"Retry-After": "7"})


async def raise_cancelled(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("inner", "status"), [(raise_429, 429), (raise_cancelled, 500)], ids=["an HTTPError", "a cancellation of its own"]
)
def test_the_outer_middleware_is_around_what_an_inner_one_raises(
    inner: Callable[[ASGIApp, Scope, Receive, Send], Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    outer = include(CORSMiddleware, allow_origins=["https://shop.example"])
    app = App(outer, include(Marking, "a"), wrapping(inner), include(Marking, "never"))
    with TestClient(app) as client:
        response = client.get("/names", headers={"Origin": "https://shop.example"})
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "https://shop.example"
    assert response.headers["x-marks"] == "a"
    assert len(caplog.records) == (status == 500)


def test_each_middleware_is_made_once_a_startup_after_wiring() -> None:
    app = App()
    app.middleware = tuple(include(Marking, mark, made=app.events) for mark in ("outer", "inner"))
    for _ in range(2):
        with TestClient(app) as client:
            for _ in range(3):
                client.get("/names")
    assert app.events == ["wired", "inner", "outer"] * 2


def test_a_restart_without_the_middleware_runs_without_it() -> None:
    app = App(include(Marking))
    for marks in (["m"], []):
        with TestClient(app) as client:
            assert client.get("/names").headers.get_list("x-marks") == marks
        app.middleware = ()


async def answer_alone(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": b"mine"})


def test_a_middleware_may_answer_alone() -> None:
    with TestClient(App(wrapping(answer_alone))) as client:
        response = client.get("/names")
    assert (response.status_code, response.content) == (202, b"mine")


async def raise_before(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("secret")


async def raise_at_the_start(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    async def failing(message: Message) -> None:
        raise ValueError("secret")

    await app(scope, receive, failing)


async def raise_at_the_start_once(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    errors = [ValueError("secret")]

    async def failing(message: Message) -> None:
        if errors:
            raise errors.pop()
        await send(message)

    await app(scope, receive, failing)


async def hold_back(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Drops the response, then raises."""

    async def swallowing(message: Message) -> None:
        pass

    await app(scope, receive, swallowing)
    raise ValueError("secret")


@pytest.mark.parametrize("path", ["/names", "/lines"])
@pytest.mark.parametrize("around", [raise_before, raise_at_the_start, raise_at_the_start_once, hold_back])
def test_an_exception_before_the_response_is_a_logged_500(
    around: Any, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with TestClient(App(include(Marking), wrapping(around))) as client:
        response = client.get(path)
    assert (response.status_code, response.json()) == (500, INTERNAL)
    assert response.headers["content-type"] == "application/problem+json"
    assert any(record.exc_info and str(record.exc_info[1]) == "secret" for record in caplog.records)


def test_an_http_error_of_a_middleware_is_answered_with_its_problem(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        raise Conflict("taken")

    with TestClient(App(wrapping(refuse))) as client:
        response = client.get("/names")
    assert (response.status_code, response.json()["detail"]) == (409, "taken")
    assert not caplog.records


@pytest.mark.parametrize("path", ["/names", "/lines"])
async def test_an_exception_after_the_response_is_raised_to_the_server(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def raise_after(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        raise ValueError("late")

    app = App(wrapping(raise_after))
    async with AsyncTestClient(app):
        sent: list[Message] = []
        with pytest.raises(ValueError, match="late"):
            await app(http_scope(path=path), never, collecting(sent))
    assert [message["status"] for message in sent if message["type"] == "http.response.start"] == [200]


async def test_a_response_that_fails_half_way_is_not_begun_a_second_time() -> None:
    async def raise_at_the_body(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        async def failing(message: Message) -> None:
            if message["type"] == "http.response.body":
                raise ValueError("half way")
            await send(message)

        await app(scope, receive, failing)

    app = App(wrapping(raise_at_the_body))
    async with AsyncTestClient(app):
        sent: list[Message] = []
        with pytest.raises((ValueError, RuntimeError)):
            await app(http_scope(path="/names"), never, collecting(sent))
    assert [message["type"] for message in sent] == ["http.response.start"]


async def answer_nothing(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await receive()


def test_a_middleware_that_does_not_answer_is_a_logged_500(caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(App(wrapping(answer_nothing))) as client:
        assert (response := client.get("/names")).status_code == 500
    assert response.json() == INTERNAL
    [record] = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "The middleware ended without a response"


async def test_a_client_that_has_left_is_not_answered(caplog: pytest.LogCaptureFixture) -> None:
    app = App(wrapping(answer_nothing))
    async with AsyncTestClient(app):
        assert await call(app, http_scope(path="/names"), [{"type": "http.disconnect"}]) == []
    assert not caplog.records


async def test_a_cancellation_passes_the_middleware() -> None:
    async def wait(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        is_waiting.set()
        await asyncio.get_running_loop().create_future()

    is_waiting = asyncio.Event()
    app = App(wrapping(wait))
    async with AsyncTestClient(app):
        with pytest.raises(asyncio.CancelledError):
            await call_and_cancel(app, "/names", is_waiting)


async def test_a_middleware_sees_websockets() -> None:
    seen: list[str] = []

    async def see(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])
        await app(scope, receive, send)

    app = App(wrapping(see))
    async with AsyncTestClient(app):
        assert await call(app, {**http_scope(), "type": "websocket"}) == [{"type": "websocket.close", "code": 1000}]
    assert seen == ["websocket"]


async def test_an_exception_for_a_websocket_is_raised_to_the_server() -> None:
    app = App(wrapping(raise_before))
    async with AsyncTestClient(app):
        with pytest.raises(ValueError, match="secret"):
            await call(app, {**http_scope(), "type": "websocket"})


class NotAnApplication:
    """A factory whose product is not an application."""

    def __init__(self, app: ASGIApp) -> None:
        pass

    def __repr__(self) -> str:
        return "an object"


UNCALLABLE = "cannot be called with an application and these options:"
REFUSED = [
    (
        include(Marking, nark="m"),
        f"Marking {UNCALLABLE} got an unexpected keyword argument 'nark'. Give the middleware's class or factory, and",
    ),
    (include(Marking(App())), f"Marking {UNCALLABLE} missing a required"),
    (include("marking"), f"str {UNCALLABLE} it is not callable."),
    (
        include(NotAnApplication),
        "NotAnApplication returned an object, which is not an ASGI application. Give the middleware's",
    ),
]


@pytest.mark.parametrize(("including", "message"), REFUSED)
def test_an_unusable_middleware_is_refused_at_startup(including: Included, message: str) -> None:
    with pytest.raises(RuntimeError) as refused, TestClient(App(including)):
        pass
    assert f"WiringError: _include_middleware: {message}" in str(refused.value)


def test_a_factory_without_a_signature_is_called() -> None:
    with pytest.raises(RuntimeError, match="not an ASGI application"), TestClient(App(include(vars))):
        pass


class Late(BaseApp):
    def include_middleware(self) -> None:
        self._include_middleware(Marking)


async def test_a_middleware_cannot_be_included_outside_wiring() -> None:
    app = Late()
    with pytest.raises(WiringError, match=r"_include_middleware: it was called before the app.* Call it in _wire\."):
        app.include_middleware()
    async with AsyncTestClient(app):
        with pytest.raises(WiringError, match=r"_include_middleware: it was called after the app.* Call it in _wire\."):
            app.include_middleware()


async def never() -> Message:
    """Receives nothing, for ever."""
    message: Message = await asyncio.get_running_loop().create_future()
    return message


def collecting(sent: list[Message]) -> Send:
    """Returns a `send` that appends the messages to `sent`."""

    async def send(message: Message) -> None:
        sent.append(message)

    return send
