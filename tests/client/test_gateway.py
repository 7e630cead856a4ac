"""An event stream of the client as the source of a response: a gateway between a client and an upstream."""

import asyncio
from contextlib import suppress

import httpx
import pytest
from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, ServerSentEvent, SSEResponse, StreamOutcome
from jero.client import RequestRefused, StreamClient
from jero.testing import AsyncTestClient
from tests.client.raw_server import EVENTS, Peer, RawServer, answer, cut_events, events

NOTICED_WITHIN = 0.1


class Chunk(Struct):
    number: int


class LinesEndpoint(Endpoint, path="/lines"):
    def __init__(self, upstream: StreamClient) -> None:
        self._upstream = upstream

    async def post(self, json: Chunk) -> NDJSONStreamingResponse[ServerSentEvent[Chunk]]:
        stream = self._upstream.events("/", Chunk, method="POST", json=json, until="[DONE]")
        return NDJSONStreamingResponse(stream=stream)


class EventsEndpoint(Endpoint, path="/events"):
    def __init__(self, upstream: StreamClient) -> None:
        self._upstream = upstream

    async def get(self) -> SSEResponse[Chunk]:
        return SSEResponse(stream=self._upstream.events("/", Chunk, until="[DONE]"))


class Gateway(BaseApp):
    """Passes on what the upstream sends. `outcomes` are the outcomes of the streams that have ended."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.outcomes: list[StreamOutcome] = []

    async def _wire(self) -> None:
        upstream = await self._aenter(StreamClient(self._url, trust_env=False))
        self._include_endpoint(LinesEndpoint(upstream))
        self._include_endpoint(EventsEndpoint(upstream))

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


ONE = b'data: {"number":1,"unknown":[]}\n\n'
DONE = b"data: [DONE]\n\n"


async def test_an_event_stream_is_a_source_of_lines_and_of_events() -> None:
    script = events(b"event: tick\nid: 7\n" + ONE, DONE)
    async with RawServer(script, script) as server, AsyncTestClient(Gateway(server.url)) as client:
        assert (await client.post("/lines", json=Chunk(3))).text == '{"number":1}\n'
        events_sent = (await client.get("/events")).text
    assert server.requests[0].body == b'{"number":3}'
    assert events_sent.startswith('event: tick\nid: 7\ndata: {"number":1}\n\n')


async def endless(peer: Peer) -> None:
    await peer.send(EVENTS)
    await peer.chunks(ONE)
    await peer.client_has_left()


@pytest.mark.parametrize("path", ["/lines", "/events"])
async def test_the_upstream_request_ends_when_the_client_leaves(path: str) -> None:
    has_ended = asyncio.Event()

    async def watched(peer: Peer) -> None:
        await endless(peer)
        has_ended.set()

    async with RawServer(watched) as server:
        app = Gateway(server.url)
        async with AsyncTestClient(app) as client:
            method = "POST" if path == "/lines" else "GET"
            async with client.stream(method, path, json=Chunk(1) if path == "/lines" else None) as response:
                await anext(response.aiter_lines())
                assert not has_ended.is_set()
            async with asyncio.timeout(NOTICED_WITHIN):
                await has_ended.wait()
    assert [outcome.reason for outcome in app.outcomes] == ["disconnected"]


async def test_the_upstream_request_ends_when_the_client_leaves_before_the_headers() -> None:
    asked, has_ended = asyncio.Event(), asyncio.Event()

    async def silent(peer: Peer) -> None:
        asked.set()
        await peer.client_has_left()
        has_ended.set()

    async with RawServer(silent) as server, AsyncTestClient(Gateway(server.url)) as client:
        asking = asyncio.create_task(client.post("/lines", json=Chunk(1)))
        await asked.wait()
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(NOTICED_WITHIN):
            await has_ended.wait()


async def test_a_cut_upstream_cuts_the_answer() -> None:
    async with RawServer(cut_events(ONE)) as server:
        app = Gateway(server.url)
        async with AsyncTestClient(app) as client:
            lines = client.ndjson("/lines", Chunk, method="POST", json=Chunk(1))
            assert await anext(lines) == Chunk(1)
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(lines)
    assert [(outcome.reason, type(outcome.error).__name__) for outcome in app.outcomes] == [("failed", "StreamCut")]


async def test_a_refusal_of_the_upstream_reaches_the_handler_of_the_application() -> None:
    script = answer(429, "Retry-After: 7", body=b'{"error":{"message":"Slow down."}}')
    async with RawServer(script) as server:
        app = Gateway(server.url)
        async with AsyncTestClient(app, raise_app_exceptions=True) as client:
            with pytest.raises(RequestRefused, match="answered with 429"):
                await client.post("/lines", json=Chunk(1))
    [outcome] = app.outcomes
    assert isinstance(outcome.error, RequestRefused)
    assert outcome.error.response.headers["retry-after"] == "7"


async def test_a_stream_that_is_sent_twice_is_refused() -> None:
    async with RawServer(events(ONE, DONE)) as server, StreamClient(server.url, trust_env=False) as upstream:
        source = upstream.events("/", Chunk, until="[DONE]")

        class AgainEndpoint(Endpoint, path="/again"):
            async def get(self) -> NDJSONStreamingResponse[ServerSentEvent[Chunk]]:
                return NDJSONStreamingResponse(stream=source)

        class Again(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(AgainEndpoint())

        async with AsyncTestClient(Again()) as client:
            assert [(await client.get("/again")).status_code for _ in range(2)] == [200, 500]
