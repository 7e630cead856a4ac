"""A header that is sent several times, and a body with a Content-Encoding: one rule for each, on every way in."""

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from msgspec import Struct, field

from jero import Endpoint, NDJSONStreamingResponse
from jero.auth import BearerAuth
from jero.http.asgi import HeaderPairs
from tests.application import Application, call, http_scope

JSON = (b"content-type", b"application/json")
LINES = (b"content-type", b"application/x-ndjson")


class Film(Struct):
    title: str


class Seen(Struct):
    host: str | None = None
    authorization: str | None = None
    content_type: str | None = None
    last_event_id: str | None = None
    user_agent: str | None = None
    accept: str | None = None
    trace: str | None = field(name="X-Trace", default=None)
    x_forwarded_for: str | None = None
    lines: list[str] = field(name="X-Line", default_factory=list[str])
    origin: list[str] = []


class Cookies(Struct):
    a: str | None = None
    b: str | None = None


class Both(Struct):
    headers: Seen
    cookies: Cookies


class SeenEndpoint(Endpoint, path="/seen"):
    async def get(self, headers: Seen, cookies: Cookies) -> Both:
        return Both(headers, cookies)


class BodyEndpoint(Endpoint, path="/json"):
    async def post(self, json: list[Film]) -> int:
        return len(json)


class ContentEndpoint(Endpoint, path="/content"):
    async def post(self, content: bytes) -> int:
        return len(content)


class ItemsEndpoint(Endpoint, path="/items"):
    async def post(self, items: AsyncIterator[Film]) -> int:
        return len([item async for item in items])


class EchoEndpoint(Endpoint, path="/echo"):
    async def post(self, items: AsyncIterator[Film]) -> AsyncIterator[Film]:
        async for item in items:
            yield item


class PartsEndpoint(Endpoint, path="/parts"):
    async def post(self, content: AsyncIterator[bytes]) -> int:
        return sum([len(part) async for part in content])


class BoundedPartsEndpoint(Endpoint, path="/bounded"):
    max_body_bytes = 1_000

    async def post(self, content: AsyncIterator[bytes]) -> int:
        return sum([len(part) async for part in content])


class Encoded(Struct):
    content_encoding: str = "identity"


class DecodingEndpoint(Endpoint, path="/decoding"):
    async def post(self, content: bytes, headers: Encoded) -> str:
        return f"{headers.content_encoding} {gzip.decompress(content).decode()}"

    async def put(self, content: AsyncIterator[bytes], headers: Encoded) -> str:
        return f"{headers.content_encoding} {gzip.decompress(b''.join([part async for part in content])).decode()}"


class NumbersEndpoint(Endpoint, path="/numbers"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=[1])


class Tokens(BearerAuth[str]):
    async def verify(self, token: str) -> str:
        return token


class UserEndpoint(Endpoint, path="/user"):
    async def get(self, user: str) -> str:
        return user


class App(Application):
    async def _wire(self) -> None:
        await super()._wire()
        self._include_endpoint(UserEndpoint(), auth=Tokens())


ENDPOINTS = (
    SeenEndpoint,
    BodyEndpoint,
    ContentEndpoint,
    ItemsEndpoint,
    EchoEndpoint,
    PartsEndpoint,
    BoundedPartsEndpoint,
    DecodingEndpoint,
    NumbersEndpoint,
)


async def answer(
    method: str, path: str, headers: Sequence[tuple[bytes, bytes]], body: bytes = b""
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Returns the status, the headers and the body of the application's answer."""
    app = App(*(endpoint() for endpoint in ENDPOINTS))
    pairs: HeaderPairs = list(headers)
    messages: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]
    async with app.lifespan():
        sent = await call(app, http_scope(method, path, headers=pairs), [*messages, {"type": "http.disconnect"}])
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


def lines(name: str, *values: bytes) -> HeaderPairs:
    return [(name.encode(), value) for value in values]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("x-trace", [b"a", b"b"], ("trace", "X-Trace", "a, b")),
        ("x-trace", [b"a", b"a"], ("trace", "X-Trace", "a, a")),
        ("x-forwarded-for", [b"10.0.0.1", b"10.0.0.2"], ("x_forwarded_for", "x_forwarded_for", "10.0.0.1, 10.0.0.2")),
        ("accept", [b"a/b", b"c/d;q=0.5"], ("accept", "accept", "a/b, c/d;q=0.5")),
        ("x-line", [b"a", b"b, c"], ("lines", "X-Line", ["a", "b, c"])),
        ("host", [b"a", b" a "], ("host", "host", "a")),
        ("authorization", [b"Bearer a", b"Bearer a"], ("authorization", "authorization", "Bearer a")),
        ("content-type", [b"a/b", b"a/b"], ("content_type", "content_type", "a/b")),
        ("last-event-id", ["é".encode(), "é".encode()], ("last_event_id", "last_event_id", "é")),
        ("user-agent", [b"a", b"a"], ("user_agent", "user_agent", "a")),
        ("origin", [b"a", b"a"], ("origin", "origin", ["a", "a"])),
    ],
)
async def test_lines_of_a_header_are_one_list_and_equal_lines_of_a_single_one_are_one_value(
    name: str, values: list[bytes], expected: tuple[str, str, Any]
) -> None:
    status, _, body = await answer("GET", "/seen", lines(name, *values))
    assert status == 200
    assert json.loads(body)["headers"][expected[1]] == expected[2]


@pytest.mark.parametrize("name", ["host", "authorization", "content-type", "last-event-id", "user-agent", "origin"])
async def test_a_single_header_of_different_values_is_refused_by_its_name(name: str) -> None:
    status, _, body = await answer("GET", "/seen", lines(name, b"a", b"x", b"b"))
    assert status == 400
    problem = json.loads(body)
    assert problem["type"] == "malformed-request"
    assert problem["detail"] == f"Header {name} was sent several times, with different values. Send it once."
    assert problem["errors"][0]["loc"] == ["headers", name.replace("-", "_")]


async def test_cookies_of_several_lines_are_all_read_and_the_first_of_a_name_counts() -> None:
    status, _, body = await answer("GET", "/seen", lines("cookie", b"a=1", b"b=2; a=3"))
    assert (status, json.loads(body)["cookies"]) == (200, {"a": "1", "b": "2"})


@pytest.mark.parametrize("path", ["/json", "/content", "/items", "/echo", "/parts", "/bounded"])
@pytest.mark.parametrize("name", ["content-type", "content-length"])
async def test_a_body_of_different_types_or_lengths_is_refused(path: str, name: str) -> None:
    other = JSON if path == "/json" else LINES
    pairs = [pair for pair in (other, (b"content-length", b"2")) if pair[0] != name.encode()]
    values = (other[1], b"a/b") if name == "content-type" else (b"2", b"3")
    status, _, body = await answer("POST", path, [*pairs, *lines(name, *values)], b"[]")
    assert status == 400
    assert json.loads(body)["detail"].lower().startswith(f"header {name} was sent several times")


@pytest.mark.parametrize("name", ["content-type", "content-length"])
async def test_a_body_of_a_type_or_length_that_is_sent_twice_is_read(name: str) -> None:
    pairs = [JSON, (b"content-length", b"2")]
    again = next(pair for pair in pairs if pair[0] == name.encode())
    assert (await answer("POST", "/json", [*pairs, again], b"[]"))[::2] == (200, b"0")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ([b"text/html", b"application/jsonl"], b"application/jsonl"),
        ([b"application/jsonl", b"application/x-ndjson"], b"application/x-ndjson"),
    ],
)
async def test_lines_of_accept_are_one_list(accept: list[bytes], expected: bytes) -> None:
    status, headers, _ = await answer("GET", "/numbers", lines("accept", *accept))
    assert (status, headers[b"content-type"]) == (200, expected)


async def test_different_credentials_are_refused_by_the_name_of_their_header() -> None:
    status, _, body = await answer("GET", "/user", lines("authorization", b"Bearer a", b"Bearer b"))
    assert status == 400
    assert b"Header authorization was sent several times, with different values." in body
    status, headers, _ = await answer("GET", "/user", lines("authorization", b"Bearer a", b"Bearer a"))
    assert status == 401
    assert b"www-authenticate" in headers


BODIES = {
    "/json": (JSON, b'[{"title":"a"}]'),
    "/content": (JSON, b'[{"title":"a"}]'),
    "/items": (LINES, b'{"title":"a"}\n'),
    "/echo": (LINES, b'{"title":"a"}\n'),
    "/parts": (LINES, b'{"title":"a"}\n'),
    "/bounded": (LINES, b'{"title":"a"}\n'),
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("codings", [[b"gzip"], [b"GZip"], [b"identity", b"br"], [b"identity, deflate"], [b"", b" x "]])
@pytest.mark.parametrize("is_encoded", [True, False])
async def test_a_body_with_a_content_encoding_is_refused(path: str, codings: list[bytes], *, is_encoded: bool) -> None:
    media_type, body = BODIES[path]
    sent = gzip.compress(body) if is_encoded else body
    status, headers, answered = await answer("POST", path, [media_type, *lines("content-encoding", *codings)], sent)
    assert (status, headers[b"accept-encoding"]) == (415, b"identity")
    assert b"Content-Encoding is '" in answered


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("codings", [[b""], [b"identity"], [b" Identity ,"], [b"identity", b"IDENTITY"], [b"", b""]])
async def test_a_body_without_a_coding_is_read(path: str, codings: list[bytes]) -> None:
    media_type, body = BODIES[path]
    assert (await answer("POST", path, [media_type, *lines("content-encoding", *codings)], body))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_handler_that_takes_the_header_decodes_its_content_itself(method: str) -> None:
    status, _, body = await answer(method, "/decoding", [(b"content-encoding", b"gzip")], gzip.compress(b"plain"))
    assert (status, body) == (200, b"gzip plain")
