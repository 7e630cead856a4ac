"""Limits of an application: how many streams may be open, and draining them all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any, ClassVar

import httpx
import pytest

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, NoContent, SSEResponse, StreamOutcome, StreamPolicy
from jero.testing import AsyncTestClient


async def ticks() -> AsyncIterator[int]:
    yield 1
    await asyncio.get_running_loop().create_future()


class Wide(Endpoint, path="/wide"):
    """Streams within the application's limit. Counts the calls of its handler."""

    def __init__(self) -> None:
        self.calls = 0

    async def get(self) -> NDJSONStreamingResponse[int]:
        self.calls += 1
        return NDJSONStreamingResponse(stream=ticks())


class Narrow(Endpoint, path="/narrow"):
    """One stream at a time, of both operations together."""

    stream_policy: ClassVar[StreamPolicy | None] = StreamPolicy(max_concurrent=1)

    async def get(self) -> SSEResponse[int] | NoContent:
        return SSEResponse(stream=ticks())

    async def post(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=ticks())


class Plain(Endpoint, path="/plain"):
    """An endpoint without a stream."""

    async def get(self) -> int:
        return 1


class App(BaseApp):
    """Records the outcomes of its streams, and how many there were when a resource closed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.wide = Wide()
        self.outcomes: list[StreamOutcome] = []
        self.steps: list[str] = []

    async def _wire(self) -> None:
        for endpoint in (self.wide, Narrow(), Plain()):
            self._include_endpoint(endpoint)
        stack = await self._aenter(AsyncExitStack())
        stack.callback(lambda: self.steps.append(f"closed after {len(self.outcomes)} streams"))

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


def expect_refusal(response: httpx.Response, detail: str) -> None:
    assert response.status_code == 503
    assert 1 <= int(response.headers["retry-after"]) <= 5
    assert response.json() == {
        "type": "service-unavailable",
        "title": "Service unavailable",
        "status": 503,
        "detail": detail,
    }


async def test_one_stream_more_than_allowed_is_refused_before_its_handler() -> None:
    app = App(stream_policy=StreamPolicy(max_concurrent=2))
    async with AsyncTestClient(app) as client, AsyncExitStack() as stack:
        for _ in range(2):
            items = await stack.enter_async_context(aclosing(client.ndjson("/wide", int)))
            assert await anext(items) == 1
        expect_refusal(await client.get("/wide"), "Too many open streams.")
        assert app.wide.calls == 2
        assert (await client.get("/plain")).json() == 1
        await stack.aclose()
        async with aclosing(client.ndjson("/wide", int)) as items:
            assert await anext(items) == 1


async def test_the_policy_of_an_endpoint_counts_only_its_streams() -> None:
    app = App(stream_policy=StreamPolicy(max_concurrent=1))
    async with (
        AsyncTestClient(app) as client,
        aclosing(client.ndjson("/wide", int)) as wide,
        aclosing(client.sse("/narrow", int)) as narrow,
    ):
        assert await anext(wide) == 1
        assert (await anext(narrow)).data == 1
        expect_refusal(await client.post("/narrow"), "Too many open streams.")


async def test_a_request_without_a_stream_frees_its_place() -> None:
    app = App(stream_policy=StreamPolicy(max_concurrent=1))
    async with AsyncTestClient(app) as client:
        for _ in range(3):
            assert (await client.head("/wide")).status_code == 200
        async with aclosing(client.ndjson("/wide", int)) as items:
            assert await anext(items) == 1


async def test_drain_ends_the_streams_and_refuses_new_ones() -> None:
    app = App(stream_policy=StreamPolicy(drain_timeout=0.01))
    async with AsyncTestClient(app) as client:
        narrow, wide = client.sse("/narrow", int), client.ndjson("/wide", int)
        assert (await anext(narrow)).data == 1
        assert await anext(wide) == 1
        over = app.drain()
        with pytest.raises(StopAsyncIteration):  # a proper end, because its client reconnects
            await anext(narrow)
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(wide)
        await over
        assert [outcome.reason for outcome in app.outcomes] == ["shutdown", "shutdown"]
        expect_refusal(await client.get("/wide"), "The server is shutting down.")
        assert (await client.get("/plain")).json() == 1


async def test_draining_sends_event_streams_a_retry_time() -> None:
    app = App()
    async with AsyncTestClient(app) as client, client.stream("GET", "/narrow") as response:
        chunks = response.aiter_bytes()
        assert await anext(chunks) == b"data: 1\n\n"
        over = app.drain()
        field, milliseconds = (await anext(chunks)).split()
        assert field == b"retry:"
        assert 1_000 <= int(milliseconds) <= 5_000
        await over


async def test_the_resources_are_closed_after_the_streams() -> None:
    app = App(stream_policy=StreamPolicy(drain_timeout=0.01))
    async with AsyncTestClient(app) as client:
        items = client.ndjson("/wide", int)
        assert await anext(items) == 1
    assert app.steps == ["closed after 1 streams"]


async def test_a_restarted_application_opens_streams_again() -> None:
    app = App()
    async with AsyncTestClient(app):
        await app.drain()
    async with AsyncTestClient(app) as client, aclosing(client.ndjson("/wide", int)) as items:
        assert await anext(items) == 1
