"""A mount with an authenticator: nobody reaches the application whom it refuses, by request or by websocket."""

from typing import Any

import msgspec
import pytest
from msgspec import Struct

from jero import BaseApp, Endpoint, Forbidden, HTTPError, Problem, Request, Unauthorized
from jero.auth import Auth, BearerAuth, HTTPScheme
from jero.http.asgi import HeaderPairs, Message, Receive, Scope, Send
from jero.testing import TestClient
from tests.application import Application, call, http_scope


class User(Struct, frozen=True):
    name: str


class Tokens(BearerAuth[User | None]):
    """Admits anybody without a token, too."""

    async def verify(self, token: str) -> User:
        if token == "broken":
            raise ValueError("secret")
        if token != "right":
            raise Forbidden
        return User(token)


class OnlyRight:
    """Admits GET requests with the right token, and reads them from the request itself."""

    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, request: Request) -> User:
        if request.method != "GET" or request.headers.get("authorization") != "Bearer right":
            raise Unauthorized
        return User(request.path)


class Guest:
    """Keeps its scopes. Answers requests, and accepts websockets."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


def dialect(problem: Problem) -> dict[str, str]:
    return {"code": problem.type}


class Outer(BaseApp):
    """Mounts an application with an authenticator, below a prefix with a shape of its own and beside it."""

    def __init__(self, app: Any, auth: Auth) -> None:
        super().__init__()
        self._guest, self._auth = app, auth

    async def _wire(self) -> None:
        for path in ("/guest", "/v1/guest"):
            self._include_app(self._guest, path=path, auth=self._auth)
        self._include_group("/v1", problems=dialect)


def websocket(path: str, headers: HeaderPairs, *, can_deny: bool) -> Scope:
    scope: Scope = {**http_scope(path=path, headers=headers), "type": "websocket", "subprotocols": []}
    del scope["method"]
    return {**scope, "extensions": {"websocket.http.response": {}}} if can_deny else scope


def bearing(token: str) -> HeaderPairs:
    return [(b"authorization", b"Bearer " + token.encode())] if token else []


async def answer(auth: Auth, scope: Scope, guest: Guest) -> list[Message]:
    outer = Outer(guest, auth)
    async with outer.lifespan():
        return await call(outer, scope)


ADMITTED: list[tuple[Auth, str, User | None]] = [
    (Tokens(), "right", User("right")),
    (Tokens(), "", None),
    (OnlyRight(), "right", User("/guest/a")),
]


@pytest.mark.parametrize(("auth", "token", "user"), ADMITTED)
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_user_is_in_the_scope_of_the_application_alone(
    auth: Auth, token: str, user: User | None, kind: str
) -> None:
    guest, headers = Guest(), bearing(token)
    scope = websocket("/guest/a", headers, can_deny=True)
    if kind == "http":
        scope = http_scope(path="/guest/a", headers=headers)
    before = dict(scope)
    [first, *_] = await answer(auth, scope, guest)
    assert first["type"] in ("http.response.start", "websocket.accept")
    assert [seen["user"] for seen in guest.scopes] == [user]
    assert guest.scopes[0] == {**before, "root_path": "/guest", "user": user}
    assert {name: value for name, value in scope.items() if not name.startswith("jero.")} == before


REFUSED: list[tuple[Auth, str, int, str]] = [
    (Tokens(), "wrong", 403, "forbidden"),
    (Tokens(), "broken", 500, "internal-server-error"),
    (OnlyRight(), "wrong", 401, "unauthorized"),
]


@pytest.mark.parametrize(("auth", "token", "status", "kind"), REFUSED)
@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize("before", ["", "websocket."])
async def test_who_is_refused_gets_a_problem_and_reaches_no_application(
    auth: Auth, token: str, status: int, kind: str, prefix: str, before: str
) -> None:
    guest, path = Guest(), f"{prefix}/guest"
    scope = http_scope(path=path, headers=bearing(token))
    if before:
        scope = websocket(path, bearing(token), can_deny=True)
    start, body = await answer(auth, scope, guest)
    assert (start["type"], body["type"]) == (f"{before}http.response.start", f"{before}http.response.body")
    assert start["status"] == status
    assert (b"www-authenticate" in dict(start["headers"])) is (status == 401)
    assert msgspec.json.decode(body["body"])["code" if prefix else "type"] == kind
    assert not guest.scopes


@pytest.mark.parametrize(("auth", "token", "status", "kind"), REFUSED)
async def test_without_the_extension_a_websocket_is_closed_before_it_is_accepted(
    auth: Auth, token: str, status: int, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    guest = Guest()
    sent = await answer(auth, websocket("/guest", bearing(token), can_deny=False), guest)
    assert sent == [{"type": "websocket.close", "code": 1011 if status == 500 else 1008}]
    assert not guest.scopes
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["secret"] * (status == 500)


def test_every_method_is_checked_and_a_body_is_not_waited_for() -> None:
    guest = Guest()
    with TestClient(Outer(guest, OnlyRight())) as client:
        for method in ("POST", "OPTIONS", "HEAD"):
            response = client.request(method, "/guest/a", headers={"Authorization": "Bearer wrong"}, content=b"body")
            assert response.status_code == 401
    assert not guest.scopes


class WhoEndpoint(Endpoint, path="/who"):
    async def get(self, request: Request) -> str:
        return f"{request.scope['user'].name} at {request.path}"


def test_a_mounted_jero_application_reads_the_user_of_the_scope() -> None:
    with TestClient(Outer(Application(WhoEndpoint()), OnlyRight())) as client:
        assert client.get("/guest/who", headers={"Authorization": "Bearer right"}).text == "/guest/who at /who"
        assert client.get("/guest/who").json()["type"] == "unauthorized"


def test_an_exception_handler_answers_for_a_mount_with_the_path_of_the_request() -> None:
    class Handling(Outer):
        async def _wire(self) -> None:
            await super()._wire()
            self._include_exception_handler(HTTPError, self._renamed)

        def _renamed(self, error: HTTPError, request: Request) -> HTTPError:
            return Forbidden(f"{request.path} is closed.")

    with TestClient(Handling(Guest(), OnlyRight())) as client:
        response = client.get("/guest/a")
    assert (response.status_code, response.json()["detail"]) == (403, "/guest/a is closed.")


class Tenant(Struct):
    tenant: str


class OfTenant:
    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, path: Tenant) -> User:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        (Tokens, "_include_app, /guest, auth: got Tokens, a class. Give an instance of it, Tokens(...)."),
        ("right", "_include_app, /guest, auth str.authenticate: the method is missing."),
        (OfTenant(), "_include_app, /guest, auth OfTenant.authenticate: path: Tenant has the fields [tenant]"),
    ],
)
def test_an_authenticator_that_cannot_work_is_refused_at_startup(auth: Any, message: str) -> None:
    with pytest.raises(RuntimeError) as refused, TestClient(Outer(Guest(), auth)):
        pass
    assert f"WiringError: {message}" in str(refused.value)
