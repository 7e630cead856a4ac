"""Below the prefix of a group each refusal has the group's shape, with the status and the headers of any other."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from jero import (
    BytesResponse,
    Conflict,
    Endpoint,
    HTTPError,
    JSONResponse,
    NoContent,
    Problem,
    Request,
    TextResponse,
)
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send
from jero.routing import Prefixes
from jero.testing import AsyncTestClient, TestClient
from tests.application import call, http_scope
from tests.groups.dialect import App, Dialect, Films, dialect, in_two_shapes

JSON = {"Content-Type": "application/json"}
RIGHT = {"Authorization": "Bearer right"}


def answers(method: str, path: str, headers: dict[str, str], content: bytes) -> list[httpx.Response]:
    """Returns the answers below the prefix of the dialect, and below the other one."""
    with TestClient(App(in_two_shapes)) as client:
        return [
            client.request(method, f"{prefix}{path}", headers=headers, content=content) for prefix in ("/v1", "/v2")
        ]


def has_the_shape(shaped: httpx.Response, plain: httpx.Response) -> None:
    """Checks that the two answers differ in their bodies alone, of which one is a problem, and one in the dialect."""
    problem = plain.json()
    detail = problem.get("detail", problem["title"])
    assert shaped.json() == {"error": {"message": detail, "type": problem["type"], "code": None}}
    assert (shaped.status_code, shaped.headers["content-type"]) == (plain.status_code, "application/json")
    assert plain.headers["content-type"] == "application/problem+json"
    kept = [{**response.headers, "content-type": "", "content-length": ""} for response in (shaped, plain)]
    assert kept[0] == kept[1]


REFUSALS: list[tuple[str, str, dict[str, str], bytes, int, str | None]] = [
    ("POST", "/films", {**RIGHT, **JSON}, b"{", 400, None),
    ("POST", "/films", {}, b"", 401, "www-authenticate"),
    ("POST", "/films", {"Authorization": "Bearer wrong"}, b"", 403, None),
    ("GET", "/nothing", {}, b"", 404, None),
    ("GET", "", {}, b"", 404, None),
    ("GET", "/films/", RIGHT, b"", 404, None),
    ("PUT", "/films", RIGHT, b"", 405, "allow"),
    ("GET", "/films", {**RIGHT, "Accept": "image/png"}, b"", 406, "vary"),
    ("POST", "/films", {**RIGHT, **JSON}, b" " * 21, 413, "connection"),
    ("POST", "/films", RIGHT, b"a", 415, "accept"),
    ("POST", "/films", {**RIGHT, **JSON, "Content-Encoding": "br"}, b"a", 415, "accept-encoding"),
    ("POST", "/films", {**RIGHT, **JSON}, b'{"title":1}', 422, None),
    ("POST", "/films", {**RIGHT, **JSON}, b'{"title":"a"}', 500, None),
    ("DELETE", "/films", RIGHT, b"", 503, "retry-after"),
    ("POST", "/films", {**RIGHT, **JSON}, b'{"title":"late"}', 504, None),
    ("GET", "/broken", RIGHT, b"", 409, "x-reason"),
    ("GET", "/%ff", {}, b"", 400, None),
]


@pytest.mark.parametrize(("method", "path", "headers", "content", "status", "kept"), REFUSALS)
def test_every_refusal_has_the_shape_of_its_prefix(
    method: str, path: str, headers: dict[str, str], content: bytes, status: int, kept: str | None
) -> None:
    shaped, plain = answers(method, path, headers, content)
    assert shaped.status_code == status
    assert kept is None or kept in shaped.headers
    has_the_shape(shaped, plain)


@pytest.mark.parametrize(("path", "status"), [("/films", 401), ("/nothing", 404)])
def test_head_is_refused_without_a_body_and_with_its_length(path: str, status: int) -> None:
    with TestClient(App(in_two_shapes)) as client:
        head, got = client.head(f"/v1{path}"), client.get(f"/v1{path}")
    assert (head.status_code, head.content) == (status, b"")
    assert head.headers == got.headers


async def test_a_silent_body_has_the_shape() -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.get_running_loop().create_future()

    async with AsyncTestClient(App(in_two_shapes)) as client:
        headers = {**RIGHT, **JSON}
        posts = [client.post(f"{prefix}/films", headers=headers, content=silent()) for prefix in ("/v1", "/v2")]
        has_the_shape(*await asyncio.gather(*posts))


def without_its_number(response: httpx.Response) -> httpx.Response:
    response.headers["retry-after"] = "drawn by lot" if response.headers["retry-after"].isdecimal() else ""
    return response


async def test_streams_that_are_not_admitted_have_the_shape() -> None:
    app = App(in_two_shapes)
    async with AsyncTestClient(app, headers=RIGHT) as client:
        answers: list[httpx.Response] = []
        for prefix in ("/v1", "/v2"):
            async with client.stream("GET", f"{prefix}/ticks"):
                answers.append(without_its_number(await client.get(f"{prefix}/ticks")))
        assert answers[0].status_code == 429
        has_the_shape(*answers)
        await app.drain()
        answers = [without_its_number(await client.get(f"{prefix}/ticks")) for prefix in ("/v1", "/v2")]
        assert answers[0].status_code == 503
        has_the_shape(*answers)


class Closing(App):
    """Gets a request below each prefix while its resources close."""

    async def _wire(self) -> None:
        await super()._wire()
        self.sent: list[list[Message]] = []
        await self._aenter(self._closing())

    @asynccontextmanager
    async def _closing(self) -> AsyncGenerator[None]:
        yield
        self.sent.extend([await call(self, http_scope(path=f"{prefix}/films")) for prefix in ("/v1", "/v2")])


async def test_an_application_that_shuts_down_refuses_in_the_shape() -> None:
    app = Closing(in_two_shapes)
    async with app.lifespan():
        pass
    shaped, plain = app.sent
    assert [shaped[0]["status"], plain[0]["status"]] == [503, 503]
    assert msgspec.json.decode(shaped[1]["body"], type=Dialect).error.type == "service-unavailable"
    assert msgspec.json.decode(plain[1]["body"], type=Problem).type == "service-unavailable"


class Refusing:
    """A middleware that refuses every request below a prefix."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raise Conflict("Not now.")
        await self._app(scope, receive, send)


async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("secret")


def test_what_a_middleware_and_a_mount_raise_has_the_shape_of_the_path() -> None:
    def mounting(app: Any) -> None:
        in_two_shapes(app)
        for prefix in ("/v1", "/v2"):
            app._include_app(breaking, path=f"{prefix}/legacy")

    def refusing(app: Any) -> None:
        in_two_shapes(app)
        app._include_middleware(Refusing)

    with TestClient(App(mounting)) as client:
        has_the_shape(*[client.get(f"{prefix}/legacy/a") for prefix in ("/v1", "/v2")])
    with TestClient(App(refusing)) as client:
        has_the_shape(*[client.get(f"{prefix}/films") for prefix in ("/v1", "/v2")])


@pytest.mark.parametrize("root_path", ["/api", "/v1"])
async def test_prefixes_are_below_the_root_path(root_path: str) -> None:
    app = App(in_two_shapes)
    async with app.lifespan():
        for prefix, key in (("/v1", "error"), ("/v2", "type")):
            scope = http_scope(path=f"{root_path}{prefix}/nothing", root_path=root_path)
            sent = await call(app, scope)
            assert key in msgspec.json.decode(sent[1]["body"])


class Plain(Struct):
    text: str


async def later(problem: Problem) -> dict[str, int]:
    return {"code": problem.status}


def whole(problem: Problem) -> JSONResponse[Plain]:
    headers = {"Allow": "nothing", "X-Own": "1"}
    return JSONResponse(content=Plain(problem.type), status_code=200, raw_headers=headers)


def title(problem: Problem) -> str:
    return problem.title


def text(problem: Problem) -> TextResponse:
    return TextResponse(content="no", status_code=400)


def raw(problem: Problem) -> BytesResponse:
    return BytesResponse(content=b"no", status_code=499)


def method(problem: Problem, request: Request | None = None) -> str:
    return request.method if request else ""


def other(problem: Problem, number: int = 1) -> list[int]:
    return [number]


RENDERERS: list[tuple[Any, int, str, bytes]] = [
    (later, 405, "application/json", b'{"code":405}'),
    (whole, 200, "application/json", b'{"text":"method-not-allowed"}'),
    (title, 405, "text/plain; charset=utf-8", b"Method not allowed"),
    (text, 400, "text/plain; charset=utf-8", b"no"),
    (raw, 499, "application/octet-stream", b"no"),
    (method, 405, "text/plain; charset=utf-8", b"PUT"),
    (other, 405, "application/json", b"[1]"),
]


@pytest.mark.parametrize(("render", "status", "media_type", "body"), RENDERERS)
def test_a_renderer_returns_a_body_or_a_whole_response(render: Any, status: int, media_type: str, body: bytes) -> None:
    with TestClient(App(lambda app: app._include_group("/v1", Films(), problems=render))) as client:
        response = client.put("/v1/films")
    assert (response.status_code, response.headers["content-type"], response.content) == (status, media_type, body)
    assert response.headers["allow"] == ("nothing" if render is whole else "DELETE, GET, HEAD, OPTIONS, POST")


def test_a_renderer_may_answer_without_a_body() -> None:
    def render(problem: Problem) -> NoContent:
        return NoContent()

    with TestClient(App(lambda app: app._include_group("/v1", problems=render))) as client:
        assert client.get("/v1").status_code == 204


def failing(problem: Problem) -> Any:
    raise ValueError("secret")


def wrongly(problem: Problem) -> Any:
    return Conflict()


def nothing(problem: Problem) -> Any:
    return None


@pytest.mark.parametrize("render", [failing, wrongly, nothing])
def test_a_renderer_that_fails_is_logged_and_the_problem_is_sent(render: Any, caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(App(lambda app: app._include_group("/v1", problems=render))) as client:
        response = client.get("/v1/a")
    assert (response.status_code, response.json()["type"]) == (404, "not-found")
    assert [record.getMessage() for record in caplog.records] == ["GET /v1/a failed"]


def test_an_unexpected_exception_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(App(in_two_shapes), headers={**RIGHT, **JSON}) as client:
        client.post("/v1/films", content=b'{"title":"a"}')
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, "POST /v1/films failed")
    ]


class Bare(Endpoint, path="/bare"):
    async def get(self) -> str:
        return "bare"


def test_only_a_refusal_looks_for_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    sought: list[str] = []
    find = Prefixes[Any].find

    def noted(prefixes: Prefixes[Any], segments: list[str]) -> Any:
        sought.append("/".join(segments))
        return find(prefixes, segments)

    def wire(app: Any) -> None:
        app._include_group("/v1", Bare(), problems=dialect, exception_handlers={KeyError: saying("group")})

    with TestClient(App(wire)) as client:
        monkeypatch.setattr(Prefixes, "find", noted)
        assert [client.get("/v1/bare").status_code for _ in range(3)] == [200] * 3
        assert not sought
        assert client.put("/v1/bare").status_code == 405
    assert sought == ["v1/bare"]


class Raising(Endpoint, path="/raise"):
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def get(self) -> str:
        raise self._error


def saying(note: str) -> Any:
    def answer(_: Exception) -> TextResponse:
        return TextResponse(content=note, status_code=418)

    return answer


def test_exception_handlers_come_after_the_endpoints_and_before_the_applications() -> None:
    class Own(Raising, path="/own"):
        exception_handlers: ClassVar = {LookupError: saying("endpoint")}

    def wire(app: Any) -> None:
        app._include_exception_handler(Exception, saying("application"))
        handlers = {KeyError: saying("group"), HTTPError: saying("group's refusal")}
        app._include_group(
            "/v1", Own(KeyError()), Raising(KeyError()), Raising2(ValueError()), exception_handlers=handlers
        )
        app._include_group("/v1/beta", problems=dialect)
        app._include_endpoint(Raising(KeyError()))

    class Raising2(Raising, path="/raise2"):
        pass

    with TestClient(App(wire)) as client:
        paths = ("/v1/own", "/v1/raise", "/v1/raise2", "/raise", "/v1/nothing", "/v1/beta/nothing", "/nothing")
        texts = [client.get(path).text for path in paths]
        assert client.put("/v1/own").text == "group's refusal"
    assert texts[:5] == ["endpoint", "group", "application", "application", "group's refusal"]
    assert texts[5] == "group's refusal"
    assert '"not-found"' in texts[6]


PREFIXES = ["/", "/v1", "/v1/beta", "/v1/{name}", "/{tenant}", "/{tenant}/v1", "/{tenant}/beta/x", "/v1/beta/x"]


def naming(prefix: str) -> Any:
    def render(problem: Problem, request: Request) -> tuple[str, dict[str, str]]:
        return prefix, dict(request.path_slots)

    return render


def expected(prefixes: list[str], path: str) -> tuple[str, dict[str, str]] | None:
    """Returns the longest prefix of the path, of which the one with a literal first, and its slots."""
    found: list[tuple[int, list[bool], str, dict[str, str]]] = []
    segments = path[1:].split("/")
    for prefix in prefixes:
        names = [] if prefix == "/" else prefix[1:].split("/")
        pairs = list(zip(names, segments, strict=False))
        if len(names) > len(segments) or not all(
            segment if name[0] == "{" else segment == name for name, segment in pairs
        ):
            continue
        slots = {name[1:-1]: segment for name, segment in pairs if name[0] == "{"}
        found.append((-len(names), [name[0] == "{" for name in names], prefix, slots))
    if not found:
        return None
    return min(found, key=lambda entry: entry[:2])[2:]


@given(
    prefixes=st.lists(st.sampled_from(PREFIXES), unique=True),
    paths=st.lists(st.lists(st.sampled_from(["v1", "beta", "x", "v2", ""]), min_size=1, max_size=4), min_size=1),
)
def test_the_longest_prefix_of_a_path_wins(prefixes: list[str], paths: list[list[str]]) -> None:
    def wire(app: Any) -> None:
        for prefix in prefixes:
            app._include_group(prefix, problems=naming(prefix))

    with TestClient(App(wire)) as client:
        for path in ("/" + "/".join(segments) for segments in paths):
            body = client.get(f"http://testserver{path}").json()
            found = expected(prefixes, path)
            assert body == ([*found] if found else {"type": "not-found", "title": "Not found", "status": 404})
