"""The way of a request's parts to the handler's arguments, or to a problem."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from msgspec import Struct

from jero import Endpoint, ResumeHeaders
from jero.dispatch.unread import MESSAGE_BYTES, READ_ON_BYTES
from jero.http.asgi import HeaderPairs, Message
from jero.testing import AsyncTestClient, TestClient
from tests.application import Application, call, http_scope

JSON = {"content-type": "application/json"}


class Slots(Struct):
    movie_id: int


class Query(Struct):
    tag: list[str] = []
    page: int = 1


class Session(Struct):
    session: str | None = None


class Movie(Struct):
    title: str


class Everything(Struct):
    path: Slots
    params: Query
    headers: ResumeHeaders
    cookies: Session
    json: Movie


class MovieEndpoint(Endpoint, path="/movies/{movie_id}"):
    async def put(
        self, json: Movie, cookies: Session, headers: ResumeHeaders, params: Query, path: Slots
    ) -> Everything:
        return Everything(path, params, headers, cookies, json)


class UploadEndpoint(Endpoint, path="/upload"):
    max_body_bytes = 10

    def __init__(self) -> None:
        self.calls = 0

    async def post(self, content: bytes) -> int:
        self.calls += 1
        return len(content)


class AnythingEndpoint(Endpoint, path="/anything"):
    async def post(self, json: Any) -> str:
        return type(json).__name__


@pytest.fixture
def upload() -> UploadEndpoint:
    return UploadEndpoint()


@pytest.fixture
def client(upload: UploadEndpoint) -> Iterator[httpx.Client]:
    with TestClient(Application(MovieEndpoint(), upload, AnythingEndpoint())) as client:
        yield client


def test_a_handler_gets_every_argument_at_once(client: httpx.Client) -> None:
    response = client.put(
        "/movies/3?tag=a%20b&page=2&tag=%C3%A9",
        json={"title": "t"},
        headers={"Last-Event-ID": "7", "Cookie": "session=abc"},
    )
    assert response.json() == {
        "path": {"movie_id": 3},
        "params": {"tag": ["a b", "é"], "page": 2},
        "headers": {"last_event_id": "7"},
        "cookies": {"session": "abc"},
        "json": {"title": "t"},
    }


@pytest.mark.parametrize(
    ("url", "options", "problem"),
    [
        (
            "/movies/x",
            {"json": {"title": "t"}},
            ("not-found", "Not found", 404, "Expected `int`, got `str` - at `$.path.movie_id`", ["path", "movie_id"]),
        ),
        (
            "/movies/3?page=x",
            {"json": {"title": "t"}},
            (
                "malformed-request",
                "Malformed request",
                400,
                "Expected `int`, got `str` - at `$.params.page`",
                ["params", "page"],
            ),
        ),
        (
            "/movies/3",
            {"json": {"title": 1}},
            (
                "unprocessable-content",
                "Unprocessable content",
                422,
                "Expected `str`, got `int` - at `$.json.title`",
                ["json", "title"],
            ),
        ),
    ],
)
def test_a_problem_names_the_path_of_the_fault(
    client: httpx.Client, url: str, options: Any, problem: tuple[str, str, int, str, list[str]]
) -> None:
    type_, title, status, detail, loc = problem
    response = client.put(url, **options)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    message = detail.partition(" - at ")[0]
    assert response.json() == {
        "type": type_,
        "title": title,
        "status": status,
        "detail": detail,
        "errors": [{"loc": loc, "msg": message, "type": "value_error"}],
    }


@pytest.mark.parametrize(
    ("content", "headers", "status", "type_"),
    [
        (b"{", JSON, 400, "malformed-request"),
        (b'{"title":"\xff"}', JSON, 400, "malformed-request"),
        (b'{"title":"t","other":' + b"[" * 10_000, JSON, 400, "malformed-request"),
        (b"", JSON, 400, "malformed-request"),
        (b'{"title":"t"}', {}, 415, "unsupported-media-type"),
        (b"title=t", {"content-type": "application/x-www-form-urlencoded"}, 415, "unsupported-media-type"),
        (b"{}", JSON, 422, "unprocessable-content"),
        (b'{"title":"' + b"t" * 1_048_576 + b'"}', JSON, 413, "content-too-large"),
    ],
    ids=["cut", "not UTF-8", "deep", "empty", "no media type", "form", "wrong shape", "over the default of 1 MiB"],
)
def test_an_unreadable_body_is_refused(
    client: httpx.Client, content: bytes, headers: dict[str, str], status: int, type_: str
) -> None:
    response = client.put("/movies/3", content=content, headers=headers)
    assert (response.status_code, response.json()["type"]) == (status, type_)
    assert response.json()["detail"]
    assert client.put("/movies/3", json={"title": "t"}).status_code == 200


def test_a_body_that_is_nested_too_deep_is_refused(client: httpx.Client) -> None:
    response = client.post("/anything", content=b"[" * 10_000 + b"]" * 10_000, headers=JSON)
    assert (response.status_code, response.json()["detail"]) == (400, "The body is nested too deep.")


def test_a_body_of_the_default_limit_is_read(client: httpx.Client) -> None:
    body = b'{"title":"' + b"t" * (1_048_576 - 12) + b'"}'
    assert len(body) == 1_048_576
    assert client.put("/movies/3", content=body, headers=JSON).status_code == 200


def test_an_endpoint_sets_the_limit_of_its_body(client: httpx.Client, upload: UploadEndpoint) -> None:
    assert client.post("/upload", content=b"0123456789").json() == 10
    response = client.post("/upload", content=b"01234567890")
    assert response.status_code == 413
    assert response.json()["detail"] == "The body is larger than 10 bytes."
    assert response.headers["connection"] == "close"
    assert upload.calls == 1


async def test_an_endless_upload_is_read_only_to_a_limit(upload: UploadEndpoint) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"0123"

    async with AsyncTestClient(Application(upload)) as client:
        response = await client.post("/upload", content=endless())
    assert (response.status_code, upload.calls) == (413, 0)
    assert read <= 4 + READ_ON_BYTES // MESSAGE_BYTES


@pytest.mark.parametrize(
    ("headers", "messages"),
    [
        ([(b"content-length", b"11")], []),
        ([(b"content-length", b"9" * 5_000)], []),
        ([], [{"type": "http.request", "body": b"01234567890", "more_body": True}]),
    ],
    ids=["announced", "announced beyond reason", "found out"],
)
async def test_a_body_over_the_limit_is_answered_without_reading_on(
    upload: UploadEndpoint, headers: HeaderPairs, messages: list[Message]
) -> None:
    app = Application(upload)
    async with AsyncTestClient(app):
        start, _ = await call(app, http_scope("POST", "/upload", headers=headers), messages)
    assert start["status"] == 413


async def test_a_request_is_refused_before_its_body_is_read() -> None:
    app = Application(MovieEndpoint())
    async with AsyncTestClient(app):
        start, _ = await call(app, http_scope("PUT", "/movies/x"))
        assert start["status"] == 404
        start, _ = await call(app, http_scope("PUT", "/movies/1", query=b"page=x"))
        assert start["status"] == 400


async def test_a_body_that_breaks_off_is_not_answered(upload: UploadEndpoint, caplog: pytest.LogCaptureFixture) -> None:
    app = Application(upload)
    async with AsyncTestClient(app) as client:
        cut: list[Message] = [{"type": "http.request", "body": b"01", "more_body": True}, {"type": "http.disconnect"}]
        assert await call(app, http_scope("POST", "/upload"), cut) == []
        assert upload.calls == 0
        assert (await client.post("/upload", content=b"01")).json() == 2
    assert not caplog.records


async def test_a_handler_without_a_body_does_not_read_the_body() -> None:
    class HealthEndpoint(Endpoint, path="/health"):
        async def post(self) -> str:
            return "well"

    app = Application(HealthEndpoint())
    async with AsyncTestClient(app):
        start, body = await call(app, http_scope("POST", "/health", headers=[(b"content-length", b"9999999")]))
    assert (start["status"], body["body"]) == (200, b"well")
