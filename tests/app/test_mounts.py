"""Mounted applications: the scopes that they get, and which application answers which path."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from msgspec import Struct

from jero import BaseApp, Conflict, Endpoint, HTTPError, JSONResponse, SSEResponse, WiringError
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send
from jero.testing import AsyncTestClient, TestClient
from tests.application import Application, call, http_scope


class Tenant(Struct):
    tenant: str


class HealthEndpoint(Endpoint, path="/legacy/health"):
    async def get(self) -> str:
        return "jero"


class NameEndpoint(Endpoint, path="/legacy/names/{name}"):
    async def get(self) -> str:
        return "name"


class TenantEndpoint(Endpoint, path="/{tenant}/users"):
    async def get(self, path: Tenant) -> str:
        return path.tenant


class Outer(BaseApp):
    """Mounts these applications at these paths, and includes these endpoints."""

    def __init__(self, mounts: list[tuple[Any, str]], *endpoints: Endpoint) -> None:
        super().__init__()
        self._mounts = mounts
        self._endpoints = endpoints

    async def _wire(self) -> None:
        for app, path in self._mounts:
            self._include_app(app, path=path)
        for endpoint in self._endpoints:
            self._include_endpoint(endpoint)


class Guest:
    """Answers with its name. Keeps the scopes of requests and websockets."""

    def __init__(self, name: str = "guest", state: dict[str, Any] | None = None) -> None:
        self.name = name
        self.state = state
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            if self.state is None:
                raise NotImplementedError
            scope["state"].update(self.state)
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept", "subprotocol": self.name})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.name.encode()})


def failing(around: Callable[[Send], Any]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await around(send)

    return app


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/legacy", "guest"),
        ("/legacy/", "guest"),
        ("/legacy/a/b", "guest"),
        ("/legacy/users", "guest"),
        ("/legacy/new", "new"),
        ("/legacy/new/a", "new"),
        ("/legacy/newer", "guest"),
        ("/legacy/health", "jero"),
        ("/legacy/health/a", "guest"),
        ("/legacy/names", "guest"),
        ("/legacy/names/a", "name"),
        ("/other/users", "other"),
    ],
)
def test_the_longest_prefix_answers_unless_an_endpoint_below_it_matches(path: str, text: str) -> None:
    mounts = [(Guest(), "/legacy"), (Guest("new"), "/legacy/new")]
    with TestClient(Outer(mounts, HealthEndpoint(), NameEndpoint(), TenantEndpoint())) as client:
        assert client.get(path).text == text


@pytest.mark.parametrize("path", ["/", "/legacyx", "/legac", "/nothing"])
def test_a_path_outside_the_prefix_is_a_404(path: str) -> None:
    guest = Guest()
    with TestClient(Outer([(guest, "/legacy")], HealthEndpoint())) as client:
        assert client.get(path).status_code == 404
    assert not guest.scopes


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "HEAD"])
def test_an_endpoint_below_a_prefix_answers_every_method(method: str) -> None:
    guest = Guest()
    with TestClient(Outer([(guest, "/legacy")], HealthEndpoint())) as client:
        response = client.request(method, "/legacy/health")
    assert response.status_code == {"POST": 405, "OPTIONS": 204, "HEAD": 200}[method]
    assert not guest.scopes


def test_an_application_at_the_root_answers_every_path_without_an_endpoint() -> None:
    with TestClient(Outer([(Guest(), "/")], HealthEndpoint(), TenantEndpoint())) as client:
        texts = [client.get(path).text for path in ("/", "/a", "/legacy/health", "/x/users", "/legacy/health/")]
        assert texts == ["guest", "guest", "jero", "x", "guest"]
        assert client.put("/legacy/health").status_code == 405


@pytest.mark.parametrize(("root_path", "inner"), [("", "/legacy"), ("/api", "/api/legacy"), ("/api/", "/api/legacy")])
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_root_path_grows_and_the_path_stays_whole(root_path: str, inner: str, kind: str) -> None:
    guest = Guest()
    outer = Outer([(guest, "/legacy")])
    path = root_path.rstrip("/") + "/legacy/a"
    scope = {**http_scope(path=path, root_path=root_path, query=b"q=1"), "type": kind}
    async with AsyncTestClient(outer):
        await call(outer, scope)
    [passed_on] = guest.scopes
    assert passed_on == {**scope, "root_path": inner}
    assert scope["root_path"] == root_path


async def test_a_websocket_is_passed_to_the_mount() -> None:
    outer = Outer([(Guest(), "/legacy")])
    async with AsyncTestClient(outer):
        answers = [await call(outer, {**http_scope(path=path), "type": "websocket"}) for path in ("/legacy", "/other")]
    assert answers == [
        [{"type": "websocket.accept", "subprotocol": "guest"}],
        [{"type": "websocket.close", "code": 1000}],
    ]


async def test_the_state_of_a_mounts_lifespan_is_in_its_scopes() -> None:
    one, other, without = Guest("one", {"database": 1}), Guest("other", {"database": 2}), Guest("without")
    outer = Outer([(one, "/one"), (other, "/other"), (without, "/without")])
    async with AsyncTestClient(outer):
        for path in ("/one", "/one", "/other", "/without"):
            await call(outer, {**http_scope(path=path), "state": {"of": "outer"}})
    assert [scope["state"] for scope in one.scopes] == [{"of": "outer", "database": 1}] * 2
    assert one.scopes[0]["state"] is not one.scopes[1]["state"]
    assert [scope["state"] for scope in other.scopes] == [{"of": "outer", "database": 2}]
    assert [scope["state"] for scope in without.scopes] == [{"of": "outer"}]


async def raise_before(send: Send) -> None:
    raise ValueError("secret")


async def answer_nothing(send: Send) -> None:
    pass


@pytest.mark.parametrize("around", [raise_before, answer_nothing])
def test_a_mount_that_does_not_answer_is_a_logged_500(around: Any, caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(Outer([(failing(around), "/legacy")])) as client:
        response = client.get("/legacy")
    assert (response.status_code, response.json()["type"]) == (500, "internal-server-error")
    assert [record.getMessage() for record in caplog.records] == ["GET /legacy failed"]


async def test_an_exception_after_the_response_began_is_raised_to_the_server() -> None:
    async def raise_after(send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("late")

    outer = Outer([(failing(raise_after), "/legacy")])
    async with AsyncTestClient(outer):
        with pytest.raises(ValueError, match="late"):
            await call(outer, http_scope(path="/legacy"))


def test_an_http_error_of_a_mount_is_answered_like_one_of_an_endpoint() -> None:
    async def refuse(send: Send) -> None:
        raise Conflict

    class Shaping(Outer):
        async def _wire(self) -> None:
            await super()._wire()
            self._include_exception_handler(HTTPError, self._shape)

        def _shape(self, error: HTTPError) -> JSONResponse[str]:
            return JSONResponse(content=error.type, status_code=error.status)

    with TestClient(Shaping([(failing(refuse), "/legacy")])) as client:
        response = client.get("/legacy")
    assert (response.status_code, response.json()) == (409, "conflict")


class SlotsEndpoint(Endpoint, path="/{tenant}"):
    async def get(self, path: Tenant) -> str:
        return path.tenant


def test_a_jero_application_in_another_in_another() -> None:
    innermost = Application(SlotsEndpoint())
    middle = Outer([(innermost, "/b")], SlotsEndpoint())
    with TestClient(Outer([(middle, "/a")])) as client:
        assert [client.get(path).text for path in ("/a/x", "/a/b/y")] == ["x", "y"]
        assert client.get("/a/b/y/z").json()["type"] == "not-found"


class ClockEndpoint(Endpoint, path="/clock"):
    """A stream whose source closes when `may_close` is set."""

    def __init__(self) -> None:
        self.may_close = asyncio.Event()

    async def get(self) -> SSEResponse[int]:
        return SSEResponse(stream=self._ticks())

    async def _ticks(self) -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.get_running_loop().create_future()
        finally:
            await self.may_close.wait()


async def test_draining_ends_the_streams_of_mounted_jero_applications() -> None:
    inner, own = ClockEndpoint(), ClockEndpoint()
    outer = Outer([(Application(inner), "/inner"), (Guest(), "/guest")], own)
    async with AsyncTestClient(outer) as client, AsyncExitStack() as stack:
        paths = ("/inner/clock", "/clock")
        bodies = [(await stack.enter_async_context(client.stream("GET", path))).aiter_text() for path in paths]
        assert [await anext(body) for body in bodies] == ["data: 1\n\n"] * 2
        draining = outer.drain()
        for endpoint, body in ((own, bodies[1]), (inner, bodies[0])):
            assert not draining.done()
            endpoint.may_close.set()
            assert "retry: " in await anext(body)
            assert await anext(body, None) is None
        await draining
        assert [(await client.get(path)).status_code for path in paths] == [503] * 2


REFUSED = [
    ([(None, "/a")], "got None. Give an ASGI application."),
    ([(BaseApp, "/a")], "got BaseApp, a class. Give an ASGI application."),
    (
        [(Guest(), "a")],
        "path='a' is not a prefix. Write a path such as '/legacy', without slots; '/' mounts at every path.",
    ),
    ([(Guest(), "")], "path='' is not a prefix."),
    ([(Guest(), "/a/")], "path='/a/' is not a prefix."),
    ([(Guest(), "/{a}")], "path='/{a}' is not a prefix."),
    ([(Guest(), "/a"), (Guest(), "/a")], "/a has an application already. Give one of the two another path."),
]


@pytest.mark.parametrize(("mounts", "message"), REFUSED)
def test_an_unusable_mount_is_refused_at_startup(mounts: list[tuple[Any, str]], message: str) -> None:
    with pytest.raises(RuntimeError) as refused, TestClient(Outer(mounts)):
        pass
    assert f"WiringError: _include_app: {message}" in str(refused.value)


class Late(BaseApp):
    def include_app(self) -> None:
        self._include_app(Guest(), path="/guest")


async def test_an_application_cannot_be_mounted_outside_wiring() -> None:
    app = Late()
    async with AsyncTestClient(app):
        with pytest.raises(WiringError, match=r"_include_app: it was called after the app.* Call it in _wire\."):
            app.include_app()


async def test_an_unknown_type_of_scope_raises() -> None:
    app = Application(HealthEndpoint())

    async def unused(message: Message | None = None) -> Any:
        raise NotImplementedError

    async with AsyncTestClient(app):
        with pytest.raises(ValueError, match="not 'carrier-pigeon'"):
            await app({"type": "carrier-pigeon"}, unused, unused)
