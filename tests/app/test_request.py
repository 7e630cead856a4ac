"""`request: Request` in handlers, authenticators and exception handlers."""

import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from jero import (
    BaseApp,
    Endpoint,
    JSONResponse,
    NDJSONStreamingResponse,
    NotFound,
    Request,
    TextResponse,
    Unauthorized,
)
from jero.auth import HTTPScheme
from jero.http.request import ClientAddress, Headers
from jero.testing import TestClient
from tests.app.shop import SoldOut
from tests.application import Application, http_scope


class Seen(Struct):
    method: str
    path: str
    url: str
    slots: dict[str, str]
    token: str | None
    scheme: str
    http_version: str
    client: tuple[str, int] | None


def seen(request: Request) -> Seen:
    return Seen(
        request.method,
        request.path,
        request.url,
        dict(request.path_slots),
        request.headers.get("X-Token"),
        request.scheme,
        request.http_version,
        request.client,
    )


class RoomEndpoint(Endpoint, path="/rooms/{room}"):
    async def get(self, request: Request) -> Seen:
        return seen(request)

    async def post(self, request: Request) -> NDJSONStreamingResponse[Seen]:
        return NDJSONStreamingResponse(stream=[seen(request)])

    async def put(self, request: Request, content: bytes) -> str:
        return f"{request.method} {len(content)}"

    async def patch(self, request: Request, content: AsyncIterator[bytes]) -> AsyncIterator[Seen]:
        async for _ in content:
            yield seen(request)


EXPECTED = {
    "method": "GET",
    "path": "/rooms/a b/c",
    "url": "http://testserver/rooms/a%20b%2Fc?x=1",
    "slots": {"room": "a b/c"},
    "token": "t",
    "scheme": "http",
    "http_version": "1.1",
}


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_handler_gets_the_request(method: str) -> None:
    with TestClient(Application(RoomEndpoint())) as client:
        answer = client.request(
            method, "/rooms/a%20b%2Fc?x=1", headers={"x-token": "t"}, content=b"c" if method == "PATCH" else None
        )
        shown = answer.json()
        assert shown.pop("client")[0]
        assert shown == {**EXPECTED, "method": method}
        assert client.put("/rooms/a", content=b"12").text == "PUT 2"


def test_head_is_the_method_of_the_request() -> None:
    class MethodEndpoint(Endpoint, path="/"):
        async def get(self, request: Request) -> TextResponse:
            return TextResponse(content="", raw_headers={"X-Method": request.method})

    with TestClient(Application(MethodEndpoint())) as client:
        assert client.head("/").headers["x-method"] == "HEAD"


def test_path_is_below_the_mount_and_url_is_whole() -> None:
    class Outer(BaseApp):
        async def _wire(self) -> None:
            self._include_app(Application(RoomEndpoint()), path="/v1")

    with TestClient(Outer()) as client:
        shown = client.get("/v1/rooms/a").json()
    assert (shown["path"], shown["url"]) == ("/rooms/a", "http://testserver/v1/rooms/a")


def test_the_url_contains_a_root_path_that_the_server_left_out() -> None:
    scope = http_scope(path="/rooms/a", query=b"x=1", headers=[(b"host", b"example.org")], root_path="/behind")
    assert Request(scope).url == "http://example.org/behind/rooms/a?x=1"


@pytest.mark.parametrize(
    ("server", "scheme", "url"),
    [
        (("example.org", 80), "http", "http://example.org/a"),
        (("example.org", 80), "https", "https://example.org:80/a"),
        (("example.org", 443), "https", "https://example.org/a"),
        (("::1", 8000), "http", "http://[::1]:8000/a"),
        (("/run/server.sock", None), "http", "http:///run/server.sock/a"),
        (None, "http", "http://localhost/a"),
    ],
)
def test_without_a_host_header_the_url_has_the_address_of_the_server(server: object, scheme: str, url: str) -> None:
    scope = {**http_scope(path="/a"), "server": server, "scheme": scheme}
    assert Request(scope).url == url


def test_without_a_raw_path_the_url_is_encoded_again() -> None:
    scope = {**http_scope(path="/a b/\u20ac"), "raw_path": None}
    assert Request(scope).url == "http://127.0.0.1/a%20b/%E2%82%AC"


@pytest.mark.parametrize("client", [None, ("10.0.0.1", 5), ("10.0.0.1", None)])
def test_the_client_is_what_the_server_reports(client: tuple[str, int | None] | None) -> None:
    found = Request({**http_scope(), "client": client}).client
    assert found == (None if client is None else ClientAddress(client[0], client[1] or 0))


def test_a_request_is_frozen() -> None:
    request: Any = Request({**http_scope(), "state": {"a": 1}}, {"room": "a"})
    assert dict(request.state) == {"a": 1}
    assert dict(request.path_slots) == {"room": "a"}
    for change in (
        lambda: setattr(request, "method", "PUT"),
        lambda: setattr(request, "other", 1),
        lambda: request.state.update(a=2),
        lambda: request.path_slots.update(room="b"),
        lambda: request.headers.update(a="b"),
    ):
        with pytest.raises((AttributeError, TypeError)):
            change()


names = st.sampled_from(["Accept", "X-A", "x-b", "Cookie"])
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=5)


@given(st.lists(st.tuples(names, values)))
def test_headers_are_read_by_any_spelling_of_their_name(lines: list[tuple[str, str]]) -> None:
    headers = Headers([(name.lower().encode(), value.encode()) for name, value in lines])
    sent = {name.lower(): [value for other, value in lines if other.lower() == name.lower()] for name, _ in lines}
    assert sorted(headers) == sorted(sent)
    assert len(headers) == len(sent)
    for name, found in sent.items():
        assert headers.get_all(name.upper()) == tuple(found)
        assert headers[name.title()] == ("; " if name == "cookie" else ", ").join(found)
        assert name.upper() in headers
    assert headers.get_all("absent") == ()
    assert "absent" not in headers
    assert headers.get("absent") is None


def test_a_header_is_latin_1_and_an_event_id_utf_8() -> None:
    pairs = [(b"x-a", b" \xe9\t"), (b"last-event-id", "\u20ac".encode()), (b"last-event-id", b"\xe9")]
    headers = Headers(pairs)
    assert headers["X-A"] == "\xe9"
    assert headers.get_all("Last-Event-ID") == ("\u20ac", "\xe9")


def test_the_text_of_headers_has_no_credentials() -> None:
    request = Request(http_scope(headers=[(b"authorization", b"secret")]))
    assert "authorization" in repr(request.headers)
    assert "secret" not in f"{request.headers!r}{request!r}"


class Slots(Struct):
    tenant: str


class Tenants:
    """Admits the tenant of the path, if the token is theirs."""

    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, path: Slots, request: Request) -> str:
        if request.headers.get("Authorization") != f"Bearer {path.tenant}":
            raise Unauthorized
        return f"{path.tenant} {request.path_slots['page']}"


class PageEndpoint(Endpoint, path="/{tenant}/pages/{page}"):
    async def get(self, user: str) -> str:
        return user


class TenantsApp(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(PageEndpoint(), auth=Tenants())
        self._include_openapi(title="t", version="1")


def test_an_authenticator_gets_the_request_and_some_of_the_slots() -> None:
    with TestClient(TenantsApp()) as client:
        headers = {"Authorization": "Bearer acme"}
        assert client.get("/acme/pages/7", headers=headers).text == "acme 7"
        assert client.get("/other/pages/7", headers=headers).status_code == 401
        document = client.get("/openapi.json").json()
    assert {"401", "404"} <= set(document["paths"]["/{tenant}/pages/{page}"]["get"]["responses"])


def test_a_slot_that_the_authenticator_cannot_read_is_not_found() -> None:
    class Number(Struct):
        tenant: int

    class Numbers:
        scheme = HTTPScheme(scheme="bearer")

        async def authenticate(self, path: Number) -> str:
            return f"tenant {path.tenant}"

    class App(BaseApp):
        async def _wire(self) -> None:
            self._include_endpoint(PageEndpoint(), auth=Numbers())

    with TestClient(App()) as client:
        assert client.get("/5/pages/7").text == "tenant 5"
        assert client.get("/five/pages/7").status_code == 404


def told(error: SoldOut, request: Request) -> JSONResponse[Seen]:
    return JSONResponse(content=seen(request), status_code=409)


def told_by_another_name(error: SoldOut, asked: Request) -> JSONResponse[Seen]:
    return told(error, asked)


def told_if_given(error: SoldOut, request: Request | None = None) -> JSONResponse[Seen]:
    assert request is not None
    return told(error, request)


async def told_later(error: SoldOut, request: Request) -> JSONResponse[Seen]:
    return told(error, request)


class RaisingRoom(Endpoint, path="/rooms/{room}"):
    async def get(self) -> str:
        raise SoldOut


class RaisingApp(BaseApp):
    def __init__(self, handler: Any, *, is_endpoints: bool) -> None:
        super().__init__()
        self.handler = handler
        self.is_endpoints = is_endpoints

    async def _wire(self) -> None:
        if self.is_endpoints:
            self._include_endpoint(RaisingRoom(), exception_handlers={SoldOut: self.handler})
        else:
            self._include_endpoint(RaisingRoom())
            self._include_exception_handler(SoldOut, self.handler)


@pytest.mark.parametrize("layer", ["endpoint", "application"])
@pytest.mark.parametrize("handler", [told, told_by_another_name, told_if_given, told_later])
def test_an_exception_handler_gets_the_request(handler: Callable[..., Any], layer: str) -> None:
    with TestClient(RaisingApp(handler, is_endpoints=layer == "endpoint")) as client:
        answer = client.get("/rooms/a%20b%2Fc?x=1", headers={"X-Token": "t"})
    assert answer.status_code == 409
    shown = answer.json()
    shown.pop("client")
    assert shown == EXPECTED


def test_the_handler_of_an_unknown_path_gets_a_request_without_slots() -> None:
    class App(BaseApp):
        async def _wire(self) -> None:
            self._include_exception_handler(NotFound, self._missing)

        def _missing(self, error: NotFound, request: Request) -> JSONResponse[str]:
            return JSONResponse(content=f"{request.path} {dict(request.path_slots)}", status_code=404)

    with TestClient(App()) as client:
        assert client.get("/nowhere").json() == "/nowhere {}"


def test_a_stream_does_not_keep_the_request_of_its_handler() -> None:
    counted: list[int] = []

    async def numbers() -> AsyncIterator[int]:
        counted.append(sum(type(found) is Request for found in gc.get_objects()))
        yield 1

    class NumbersEndpoint(Endpoint, path="/{kept}"):
        async def get(self, request: Request) -> NDJSONStreamingResponse[int]:
            return NDJSONStreamingResponse(stream=numbers())

        async def post(self, request: Request) -> AsyncIterator[int]:
            counted.append(sum(type(found) is Request for found in gc.get_objects()))
            yield 1

    with TestClient(Application(NumbersEndpoint())) as client:
        gc.collect()
        assert client.get("/a").text == client.post("/a").text == "1\n"
    assert counted == [0, 1]
