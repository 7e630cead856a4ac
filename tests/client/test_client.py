"""The client's public methods, against servers that send exactly the bytes of the test."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, NoContent
from jero.client import RequestRefused, StreamClient
from jero.testing import AsyncTestClient
from tests.client.cuts import chunks
from tests.client.raw_server import LINES, OK, Peer, RawServer, Script, answer
from tests.client.waits import Waits
from tests.servers.feeds import Tick

NOTICED_WITHIN = 0.5


def lines(*pieces: bytes, is_complete: bool = True) -> Script:
    async def script(peer: Peer) -> None:
        await peer.send(LINES)
        await peer.chunks(*pieces)
        if is_complete:
            await peer.end()

    return script


def client_of(server: RawServer, **options: Any) -> StreamClient:
    return StreamClient(server.url, trust_env=False, **options)


async def test_a_client_of_its_own_is_closed() -> None:
    client = StreamClient("http://127.0.0.1:9")
    async with client:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        await anext(client.ndjson("/", Tick))


async def test_a_given_client_excludes_a_base_url_and_options() -> None:
    async with httpx.AsyncClient() as shared:
        with pytest.raises(TypeError, match="set them on the client that you pass"):
            StreamClient("http://127.0.0.1:9", client=shared)
        with pytest.raises(TypeError, match="set them on the client that you pass"):
            StreamClient(client=shared, headers={"X-Trace": "1"})


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_an_invalid_timeout_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=rf"idle_timeout={seconds}"):
        StreamClient("http://127.0.0.1:9", idle_timeout=seconds)


@pytest.mark.parametrize("method", ["ndjson", "sse"])
async def test_headers_auth_and_params_are_passed_on(method: str) -> None:
    async with RawServer(answer(204)) as server:
        options: dict[str, Any] = {"headers": {"X-Trace": "7"}, "auth": ("me", "secret"), "params": {"of": "client"}}
        async with client_of(server, **options) as client:
            read: Any = getattr(client, method)
            assert [item async for item in read("/a", int, params={"page": "2"}, headers={"X-Span": "8"})] == []
    [request] = server.requests
    assert request.line == "GET /a?of=client&page=2 HTTP/1.1"
    assert (request.headers["x-trace"], request.headers["x-span"]) == ("7", "8")
    assert request.headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert request.headers["accept"] == {"ndjson": "application/x-ndjson", "sse": "text/event-stream"}[method]


class Query(Struct):
    title: str


@pytest.mark.parametrize(
    ("options", "body", "media_type"),
    [
        ({"json": Query("é")}, '{"title":"é"}', "application/json"),
        ({"json": [1]}, "[1]", "application/json"),
        ({"json": 1, "headers": {"Content-Type": "application/vnd.a+json"}}, "1", "application/vnd.a+json"),
        ({"content": b"1\n2\n", "headers": {"Content-Type": "application/x-ndjson"}}, "1\n2\n", "application/x-ndjson"),
    ],
)
async def test_a_request_for_ndjson_may_have_a_body(options: dict[str, Any], body: str, media_type: str) -> None:
    async with RawServer(lines(b"1\n")) as server, client_of(server) as client:
        assert [item async for item in client.ndjson("/", int, method="POST", **options)] == [1]
    [request] = server.requests
    assert request.line == "POST / HTTP/1.1"
    assert request.body.decode() == body
    assert request.headers["content-type"] == media_type


async def test_a_request_body_may_be_a_generator() -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"1\n"

    async with AsyncTestClient(Echo()) as app, StreamClient(client=app) as client:
        found = [item async for item in client.ndjson("/echo", int, method="POST", content=content())]
    assert found == [2]


class EchoEndpoint(Endpoint, path="/echo"):
    async def post(self, content: bytes) -> NDJSONStreamingResponse[int] | NoContent:
        return NDJSONStreamingResponse(stream=[len(content)]) if content else NoContent()


class Echo(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(EchoEndpoint())


async def test_a_204_has_no_items() -> None:
    async with AsyncTestClient(Echo()) as app, StreamClient(client=app) as client:
        assert [item async for item in client.ndjson("/echo", int, method="POST")] == []


@pytest.mark.parametrize("status", [404, 429, 500, 503])
async def test_a_refused_request_for_ndjson_is_raised_at_once(status: int) -> None:
    async with RawServer(answer(status, body=b"no")) as server, client_of(server, sleep=Waits()) as client:
        with pytest.raises(RequestRefused, match=f"was answered with {status}") as raised:
            await anext(client.ndjson("/", int))
    assert raised.value.__notes__ == ["no"]


@pytest.mark.parametrize(
    "media_type", ["application/x-ndjson", "application/jsonl", "Application/JSONL; charset=utf-8"]
)
async def test_both_media_types_of_ndjson_are_read(media_type: str) -> None:
    script = answer(200, f"Content-Type: {media_type}", body=b"1\n2\n")
    async with RawServer(script) as server, client_of(server) as client:
        assert [item async for item in client.ndjson("/", int)] == [1, 2]


async def test_another_media_type_is_refused() -> None:
    script = answer(200, "Content-Type: application/json", body=b"1\n2\n")
    async with RawServer(script) as server, client_of(server) as client:
        with pytest.raises(httpx.DecodingError, match="'application/json', not application/x-ndjson"):
            await anext(client.ndjson("/", int))


async def too_short(peer: Peer) -> None:
    await peer.send(OK, b"Content-Type: application/x-ndjson\r\nContent-Length: 99\r\n\r\n1\n2\n3\n")


async def without_length(peer: Peer) -> None:
    await peer.send(OK, b"Content-Type: application/x-ndjson\r\nConnection: close\r\n\r\n1\n2\n3\n")


@pytest.mark.parametrize(
    "script",
    [lines(b"1\n2\n3\n", is_complete=False), lines(b"1\n2\n3\n4", is_complete=False), too_short, without_length],
    ids=["between lines", "within a line", "shorter than its length", "no length and no chunks"],
)
async def test_a_cut_ndjson_stream_raises_an_error(script: Script) -> None:
    async with RawServer(script) as server, client_of(server) as client:
        numbers = client.ndjson("/", int)
        assert [await anext(numbers) for _ in range(3)] == [1, 2, 3]
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(numbers)


async def test_a_stalled_ndjson_stream_raises_an_error() -> None:
    async def stalled(peer: Peer) -> None:
        await peer.send(LINES)
        await peer.chunks(b"1\n")
        await peer.client_has_left()

    async with RawServer(stalled) as server, client_of(server, idle_timeout=0.05) as client:
        numbers = client.ndjson("/", int)
        assert await anext(numbers) == 1
        with pytest.raises(
            httpx.ReadTimeout,
            match=r"^No bytes arrived for 0\.05 seconds: have the server send pings, or set a longer timeout\.$",
        ):
            await anext(numbers)


async def test_a_timeout_of_the_request_replaces_the_idle_timeout() -> None:
    async with RawServer(Peer.client_has_left) as server, client_of(server, idle_timeout=None) as client:
        with pytest.raises(
            httpx.ReadTimeout,
            match=r"^No bytes arrived for 0\.05 seconds: have the server send pings, or set a longer timeout\.$",
        ):
            await anext(client.ndjson("/", int, timeout=0.05))


async def test_the_other_timeouts_are_taken_from_the_client() -> None:
    seen: list[Any] = []

    async def note(request: httpx.Request) -> None:
        seen.append(request.extensions["timeout"])

    options: dict[str, Any] = {"timeout": httpx.Timeout(1, connect=2), "event_hooks": {"request": [note]}}
    async with RawServer(answer(204)) as server, client_of(server, idle_timeout=7, **options) as client:
        assert [item async for item in client.ndjson("/", int)] == []
    assert seen == [{"connect": 2, "read": 7, "write": 1, "pool": 1}]


@settings(max_examples=30, deadline=None)
@given(pieces=chunks(st.just('{"title":"é"}\r\n\n{"title":"🎬\\n"}\n{"title":""}'.encode())))
def test_the_items_are_the_same_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    async def found() -> list[Query]:
        async with RawServer(lines(*pieces)) as server, client_of(server) as client:
            return [item async for item in client.ndjson("/", Query)]

    assert asyncio.run(found()) == [Query("é"), Query("🎬\n"), Query("")]


async def test_the_items_before_an_invalid_line_are_yielded() -> None:
    async with RawServer(lines(b"1\n2\nx\n3\n")) as server, client_of(server) as client:
        numbers = client.ndjson("/", int)
        assert [await anext(numbers), await anext(numbers)] == [1, 2]
        with pytest.raises(msgspec.DecodeError) as raised:
            await anext(numbers)
    assert raised.value.__notes__ == ["in line 3: b'x'"]
