"""The client's public methods, against servers that send exactly the bytes of the test."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, NoContent
from jero.client import RequestRefused, StreamClient, StreamCut
from jero.framing.json import NDJSON_NAMES
from jero.testing import AsyncTestClient, TestClient
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


async def test_none_as_json_is_no_body() -> None:
    async with RawServer(lines(b"1\n")) as server, client_of(server) as client:
        assert [item async for item in client.ndjson("/", int, method="POST", json=None)] == [1]
    [request] = server.requests
    assert request.body == b""
    assert "content-type" not in request.headers


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
    "media_type",
    [
        *NDJSON_NAMES,
        "Application/JSONL; charset=utf-8",
        'text/html, application/x-ndjson;a="b,c"',
        "application/jsonl, */*",
    ],
)
async def test_every_name_of_ndjson_is_read(media_type: str) -> None:
    script = answer(200, f"Content-Type: {media_type}", body=b"1\n2\n")
    async with RawServer(script) as server, client_of(server) as client:
        assert [item async for item in client.ndjson("/", int)] == [1, 2]


async def test_another_media_type_is_refused() -> None:
    script = answer(200, "Content-Type: application/json", body=b"1\n2\n")
    async with RawServer(script) as server, client_of(server) as client:
        with pytest.raises(httpx.DecodingError, match="'application/json', not application/x-ndjson") as raised:
            await anext(client.ndjson("/", int))
    assert raised.value.__notes__ == ["The body begins with: 1\n2\n"]


@pytest.mark.parametrize("other", [httpx.Client(), TestClient(BaseApp()), BaseApp()])
def test_a_client_that_is_not_asynchronous_is_refused(other: Any) -> None:
    found = type(other).__name__
    with pytest.raises(TypeError, match=rf"got {found}\. In a test, pass jero\.testing\.AsyncTestClient\(app\)"):
        StreamClient(client=other)


async def test_a_byte_order_mark_is_skipped() -> None:
    async with RawServer(lines(b"\xef\xbb", b"\xbf1\n2\n")) as server, client_of(server) as client:
        assert [item async for item in client.ndjson("/", int)] == [1, 2]


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
        with pytest.raises(StreamCut, match=r"^The stream was cut after 3 items: .*\w") as raised:
            await anext(numbers)
    assert raised.value.received == 3
    assert raised.value.request.url.path == "/"


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


async def reset(peer: Peer) -> None:
    await peer.send(LINES)
    await peer.chunks(b"1\n")
    peer.reset()


async def test_a_reset_connection_is_a_cut_stream_with_a_message() -> None:
    async with RawServer(reset) as server, client_of(server) as client:
        numbers = client.ndjson("/", int)
        assert await anext(numbers) == 1
        with pytest.raises(StreamCut, match=r"^The stream was cut after 1 item: .*\w") as raised:
            await anext(numbers)
    assert raised.value.received == 1


@pytest.mark.parametrize("limits", [{"max_item_bytes": 0}, {"max_item_bytes": -1}])
def test_an_invalid_limit_is_refused(limits: dict[str, Any]) -> None:
    [(name, value)] = limits.items()
    with pytest.raises(ValueError, match=rf"^StreamClient\({name}={value}\): it must be a positive number of bytes\.$"):
        StreamClient("http://127.0.0.1:9", **limits)


async def test_a_line_that_is_too_long_is_refused_after_the_items_before_it() -> None:
    async with (
        RawServer(lines(b"1\n", b"2" * 50, b"2" * 60)) as server,
        client_of(server, max_item_bytes=100) as client,
    ):
        numbers = client.ndjson("/", int)
        assert await anext(numbers) == 1
        with pytest.raises(msgspec.DecodeError, match=r"^Line 2 of the stream has more than 100 bytes\."):
            await anext(numbers)


def compressed(body: bytes, media_type: str = "application/x-ndjson", status: int = 200) -> Script:
    return answer(status, f"Content-Type: {media_type}", "Content-Encoding: gzip", body=gzip.compress(body))


async def test_a_compressed_stream_is_read() -> None:
    async with RawServer(compressed(b"1\n2\n")) as server, client_of(server) as client:
        assert [item async for item in client.ndjson("/", int)] == [1, 2]


async def test_a_small_response_cannot_fill_the_memory() -> None:
    spaces = b" " * 50_000_000
    scripts = [compressed(spaces), compressed(spaces + b"\n1\n"), compressed(spaces, status=404)]
    async with RawServer(*scripts) as server, client_of(server, max_item_bytes=1_000_000) as client:
        tracemalloc.start()
        try:
            for _ in range(2):
                with pytest.raises(msgspec.DecodeError, match="Line 1 of the stream has more than 1000000 bytes"):
                    await anext(client.ndjson("/", int))
            with pytest.raises(RequestRefused, match="answered with 404") as raised:
                await anext(client.ndjson("/", int))
            assert len(raised.value.response.content) == 65_536
            assert tracemalloc.get_traced_memory()[1] < 8_000_000
        finally:
            tracemalloc.stop()


async def test_only_codings_that_can_be_bounded_are_asked_for() -> None:
    for asked, accepted in (("gzip, deflate, br, zstd", "gzip, deflate"), ("identity", "identity")):
        headers = {"Accept-Encoding": asked}
        async with RawServer(answer(204)) as server, client_of(server, headers=headers) as client:
            assert [item async for item in client.ndjson("/", int)] == []
        assert server.requests[0].headers["accept-encoding"] == accepted


async def test_a_client_with_a_mock_transport_is_read() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"Content-Type": "application/jsonl", "Content-Length": "4"}, content=b"1\n2\n"
        )

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond), base_url="http://mock") as mock:
        assert [item async for item in StreamClient(client=mock).ndjson("/", int)] == [1, 2]


async def test_every_error_of_the_network_has_a_message() -> None:
    kinds = [
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.ReadError,
        httpx.ReadTimeout,
        httpx.WriteError,
        httpx.WriteTimeout,
        httpx.PoolTimeout,
        httpx.CloseError,
        httpx.RemoteProtocolError,
        httpx.LocalProtocolError,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
    ]
    for kind in kinds:

        def fail(request: httpx.Request, kind: type[httpx.TransportError] = kind) -> httpx.Response:
            raise kind("", request=request)

        async with httpx.AsyncClient(transport=httpx.MockTransport(fail), base_url="http://mock") as mock:
            with pytest.raises(kind, match=r"^[A-Z].+\.$") as raised:
                await anext(StreamClient(client=mock).ndjson("/", int))
        assert type(raised.value) is kind


@pytest.mark.parametrize("type_", [str | None, str | int])
async def test_a_union_of_text_with_another_type_is_refused_at_the_call(type_: Any) -> None:
    async with client_of_nothing() as client:
        with pytest.raises(TypeError, match="text is sent as it is, and everything else as JSON"):
            client.sse("/", type_)


def client_of_nothing() -> StreamClient:
    return StreamClient("http://127.0.0.1:9")


async def test_a_timeout_of_the_request_replaces_the_idle_timeout() -> None:
    async with RawServer(Peer.client_has_left) as server, client_of(server, idle_timeout=None) as client:
        with pytest.raises(
            httpx.ReadTimeout,
            match=r"^No bytes arrived for 0\.05 seconds: have the server send pings, or set a longer timeout\.$",
        ):
            await anext(client.ndjson("/", int, timeout=httpx.Timeout(None, read=0.05)))


async def test_the_other_timeouts_are_taken_from_the_client() -> None:
    seen: list[Any] = []

    async def note(request: httpx.Request) -> None:
        seen.append(request.extensions["timeout"])

    options: dict[str, Any] = {"timeout": httpx.Timeout(1, connect=2), "event_hooks": {"request": [note]}}
    async with RawServer(answer(204)) as server, client_of(server, idle_timeout=7, **options) as client:
        assert [item async for item in client.ndjson("/", int)] == []
    assert seen == [{"connect": 2, "read": 7, "write": 1, "pool": 1}]


@settings(max_examples=30)
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
