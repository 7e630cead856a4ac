"""One client that opens many streams, and sources that block in threads, take nothing from others."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing

import httpx
import pytest
from msgspec import Struct

from jero import BaseApp, BearerAuth, Endpoint, NDJSONStreamingResponse, StreamOutcome, StreamPolicy
from jero.testing import AsyncTestClient
from tests.threads import stream_threads


class User(Struct):
    """A user that is not hashable."""

    name: str


class Tokens(BearerAuth[User | None]):
    async def verify(self, token: str) -> User:
        return User(token)


async def ticks() -> AsyncIterator[int]:
    yield 1
    await asyncio.get_running_loop().create_future()


class Feed(Endpoint, path="/feed"):
    """Streams that stay open."""

    async def get(self, user: User | None) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=ticks())


class Blocking(Endpoint, path="/blocking"):
    """Sources that block in their thread until `may_end` is set."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.closed = 0

    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self.rows())

    async def end(self) -> None:
        """Lets the sources end, and waits for their threads."""
        self.may_end.set()
        for thread in stream_threads():
            await asyncio.to_thread(thread.join, 20)

    def rows(self) -> Iterator[int]:
        try:
            yield 1
            self.may_end.wait(20)
        finally:
            self.closed += 1


class App(BaseApp):
    def __init__(self, policy: StreamPolicy) -> None:
        super().__init__(stream_policy=policy)
        self.blocking = Blocking()
        self.ended = asyncio.Event()

    async def _wire(self) -> None:
        self._include_endpoint(Feed(), auth=Tokens())
        self._include_endpoint(self.blocking)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.ended.set()


def as_user(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def open_feed(stack: AsyncExitStack, client: AsyncTestClient, headers: dict[str, str]) -> None:
    items = await stack.enter_async_context(aclosing(client.ndjson("/feed", int, headers=headers)))
    assert await anext(items) == 1


@pytest.mark.parametrize("headers", [as_user("greedy"), {}], ids=["a user", "an address"])
async def test_a_caller_has_no_more_streams_than_its_share(headers: dict[str, str]) -> None:
    app = App(StreamPolicy(max_concurrent=10, max_per_caller=2))
    async with AsyncTestClient(app) as client, AsyncExitStack() as stack:
        for _ in range(2):
            await open_feed(stack, client, headers)
        refused = await client.get("/feed", headers=headers)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        assert refused.json()["detail"] == "Too many open streams of one caller."
        for _ in range(2):
            await open_feed(stack, client, as_user("modest"))
        await stack.aclose()
        await open_feed(stack, client, headers)


async def test_the_counts_of_callers_that_left_are_not_kept() -> None:
    app = App(StreamPolicy(max_per_caller=2))
    async with AsyncTestClient(app) as client:
        for number in range(50):
            async with AsyncExitStack() as stack:
                await open_feed(stack, client, as_user(str(number)))
        admission = app._stream_defaults.admission  # pyright: ignore[reportPrivateUsage] - what it keeps is not public
        assert admission._callers == {}  # pyright: ignore[reportPrivateUsage] - what it keeps is not public


async def leave_while_it_blocks(client: AsyncTestClient) -> None:
    async with aclosing(client.ndjson("/blocking", int)) as items:
        assert await anext(items) == 1


async def test_a_place_is_given_back_when_its_thread_has_ended() -> None:
    app = App(StreamPolicy(max_concurrent=1, teardown_timeout=0.01, drain_timeout=0.01))
    async with AsyncTestClient(app) as client:
        await leave_while_it_blocks(client)
        await app.ended.wait()  # its teardown ran out of time, but its thread goes on
        refused = await client.get("/blocking")
        assert refused.status_code == 503
        await app.blocking.end()
        assert (await client.get("/blocking")).status_code == 200
        assert app.blocking.closed == 2


async def test_threads_have_a_bound_of_their_own() -> None:
    app = App(StreamPolicy(max_threads=2, teardown_timeout=0.01))
    before = stream_threads()
    async with AsyncTestClient(app) as client:
        for _ in range(2):
            await leave_while_it_blocks(client)
        for _ in range(20):
            refused: httpx.Response = await client.get("/blocking")
            assert refused.status_code == 503
            assert refused.json()["detail"] == "Too many streams run in threads."
        assert len(stream_threads() - before) == 2
        async with AsyncExitStack() as stack:  # streams without a thread are not refused
            await open_feed(stack, client, {})
        await app.blocking.end()
        assert (await client.get("/blocking")).status_code == 200


async def test_a_source_that_was_refused_a_thread_is_closed() -> None:
    closed = list[int]()

    class Rows:
        def __iter__(self) -> Iterator[int]:
            raise AssertionError("it is not pulled")

        def close(self) -> None:
            closed.append(1)

    class Refused(Endpoint, path="/refused"):
        async def get(self) -> NDJSONStreamingResponse[int]:
            return NDJSONStreamingResponse(stream=Rows())

    class Full(App):
        async def _wire(self) -> None:
            await super()._wire()
            self._include_endpoint(Refused())

    app = Full(StreamPolicy(max_threads=1, teardown_timeout=0.01))
    async with AsyncTestClient(app) as client:
        await leave_while_it_blocks(client)
        assert (await client.get("/refused")).status_code == 503
        assert closed == [1]
        await app.blocking.end()
