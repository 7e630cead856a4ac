"""An application that counts its open streams has a gauge that is right, and no stream of another one pays for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any, ClassVar

import httpx
import pytest

from jero import (
    BaseApp,
    Conflict,
    Endpoint,
    NDJSONStreamingResponse,
    NoContent,
    SSEResponse,
    StreamOutcome,
    StreamPolicy,
    StreamStart,
)
from jero.channels import Channel, MemoryStore
from jero.http.asgi import Message
from jero.testing import AsyncTestClient, TestClient
from tests.application import Application, http_scope


class Gauged(Application):
    """Counts its open streams by endpoint and method. `calls`: of both hooks, in order."""

    def __init__(self, *endpoints: Endpoint, **options: Any) -> None:
        super().__init__(*endpoints, **options)
        self.open: Counter[tuple[str, str]] = Counter()
        self.calls: list[str] = []
        self.has_called = asyncio.Event()

    async def _on_stream_start(self, start: StreamStart) -> None:
        self.open[start.endpoint, start.method] += 1
        self.calls.append("start")
        self.has_called.set()

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.open[outcome.endpoint, outcome.method] -= 1
        self.calls.append(outcome.reason)


async def ticks() -> AsyncIterator[int]:
    yield 1
    await asyncio.get_running_loop().create_future()


async def refuse() -> AsyncIterator[int]:
    for number in list[int]():
        yield number
    raise Conflict("Not now.")


class Ticks(Endpoint, path="/ticks"):
    """Streams without end."""

    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=ticks())

    async def post(self) -> NDJSONStreamingResponse[int] | NoContent:
        return NoContent()


class Early(Endpoint, path="/early"):
    """Streams that fail before the first byte, and one whose handler fails."""

    async def get(self) -> AsyncIterator[int]:
        return refuse()

    async def post(self) -> AsyncIterator[int]:
        raise Conflict("Not now.")


class Once(Endpoint, path="/once"):
    """Returns the same source again and again."""

    def __init__(self) -> None:
        self._source = self._items()

    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._source)

    async def _items(self) -> AsyncIterator[int]:
        yield 1


class Threaded(Endpoint, path="/threaded"):
    """One thread at a time."""

    stream_policy: ClassVar[StreamPolicy | None] = StreamPolicy(max_threads=1, first_item_grace=0.01)

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._items(asyncio.get_running_loop()))

    def _items(self, loop: asyncio.AbstractEventLoop) -> Iterator[int]:
        yield 1
        asyncio.run_coroutine_threadsafe(self.may_end.wait(), loop).result()


class Listed(Endpoint, path="/listed"):
    """Streams that are sent as a whole."""

    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=[1, 2])


async def test_the_gauge_shows_how_many_streams_are_open() -> None:
    app = Gauged(Ticks())
    async with AsyncTestClient(app) as client, AsyncExitStack() as stack:
        for number in (1, 2, 3):
            items = await stack.enter_async_context(aclosing(client.ndjson("/ticks", int)))
            assert await anext(items) == 1
            assert app.open == {("Ticks", "GET"): number}
        await stack.aclose()
        assert app.open == {("Ticks", "GET"): 0}
    assert app.calls == [*["start"] * 3, *["disconnected"] * 3]


@pytest.mark.parametrize("endpoint", [Ticks, Early, Once, Threaded, Listed])
def test_head_opens_no_stream(endpoint: type[Endpoint]) -> None:
    app = Gauged(endpoint())
    with TestClient(app) as client:
        assert client.head(f"/{endpoint.__name__.lower()}").status_code == 200
    assert app.calls == []


def test_a_request_that_gets_no_stream_opens_none() -> None:
    app = Gauged(Ticks(), Early())
    with TestClient(app) as client:
        statuses = [client.post("/ticks").status_code, client.post("/early").status_code, client.get("/no").status_code]
        statuses.append(client.get("/early", headers={"accept": "text/csv"}).status_code)
    assert statuses == [204, 409, 404, 406]
    assert app.calls == []


def test_a_stream_that_is_answered_by_a_problem_has_started_and_ended() -> None:
    app = Gauged(Early())
    with TestClient(app) as client:
        assert client.get("/early").status_code == 409
    assert app.calls == ["start", "failed"]


def test_a_source_that_was_used_before_starts_no_stream() -> None:
    app = Gauged(Once())
    with TestClient(app) as client:
        assert [client.get("/once").status_code for _ in range(3)] == [200, 500, 500]
    assert app.calls == ["start", "completed"]


async def test_a_stream_that_is_refused_does_not_start() -> None:
    threaded = Threaded()
    app = Gauged(Ticks(), threaded, stream_policy=StreamPolicy(max_concurrent=1, drain_timeout=0.01))
    async with AsyncTestClient(app) as client:
        async with aclosing(client.ndjson("/ticks", int)) as items, aclosing(client.ndjson("/threaded", int)) as rows:
            assert await anext(items) == 1
            assert await anext(rows) == 1
            assert (await client.get("/ticks")).status_code == 503
            assert (await client.get("/threaded")).status_code == 503
            threaded.may_end.set()
            assert [row async for row in rows] == []
        await app.drain()
        assert (await client.get("/ticks")).status_code == 503
    assert sorted(app.calls) == ["completed", "disconnected", "start", "start"]
    assert app.calls[:2] == ["start", "start"]


async def test_a_drain_ends_what_has_started() -> None:
    app = Gauged(Ticks(), stream_policy=StreamPolicy(drain_timeout=0.01))
    async with AsyncTestClient(app) as client, aclosing(client.ndjson("/ticks", int)) as items:
        assert await anext(items) == 1
        over = app.drain()
        with suppress(httpx.RemoteProtocolError):
            await anext(items)
        await over
        assert app.calls == ["start", "shutdown"]


async def test_the_subscribers_of_a_channel_are_counted() -> None:
    class Feed(Endpoint, path="/feed"):
        async def get(self) -> SSEResponse[int]:
            return SSEResponse(stream=channel.subscribe())

    async with MemoryStore() as store:
        channel = Channel(store, "numbers", int)
        app = Gauged(Feed())
        async with AsyncTestClient(app) as client, aclosing(client.sse("/feed", int)) as events:
            first = asyncio.ensure_future(anext(events))
            await app.has_called.wait()
            await channel.publish(1)
            assert (await first).data == 1
            assert app.open == {("Feed", "GET"): 1}
    assert app.calls == ["start", "disconnected"]


class Slow(Gauged):
    """A gauge that is far away."""

    async def _on_stream_start(self, start: StreamStart) -> None:
        await asyncio.sleep(0)
        await super()._on_stream_start(start)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        await asyncio.sleep(0)
        await super()._on_stream_end(outcome)


@pytest.mark.parametrize("waits", [False, True])
async def test_a_list_that_is_sent_as_a_whole_starts_and_ends_when_its_request_is_cancelled(*, waits: bool) -> None:
    app = Slow(Listed())

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    async def send(message: Message) -> None:
        if waits:
            await asyncio.sleep(0)

    async with app.lifespan():
        for turns in range(1, 30):
            app.calls.clear()
            request = asyncio.ensure_future(app(http_scope("GET", "/listed"), receive, send))
            for _ in range(turns):
                await asyncio.sleep(0)
            was_running = request.cancel()
            await asyncio.wait((request,))
            assert app.calls in (["start", "completed"], ["start", "disconnected"]), f"cancelled after {turns} turns"
            assert app.open.total() == 0
            if not was_running:
                return
    pytest.fail("the stream never ended")


def test_the_hook_of_the_base_class_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list[StreamStart]()

    async def count(self: BaseApp, start: StreamStart) -> None:
        calls.append(start)

    monkeypatch.setattr(BaseApp, "_on_stream_start", count)
    with TestClient(Application(Listed(), Once())) as client:
        assert client.get("/listed").text == client.get("/once").text + "2\n"
    assert calls == []


def test_a_hook_may_be_set_on_the_application_itself() -> None:
    calls = list[StreamStart]()

    class App(Application):
        def __init__(self) -> None:
            async def count(start: StreamStart) -> None:
                calls.append(start)

            self._on_stream_start = count  # type: ignore[method-assign] # as a test of a user may do
            super().__init__(Once())

    with TestClient(App()) as client:
        assert client.get("/once").status_code == 200
    assert calls == [StreamStart(endpoint="Once", method="GET")]


async def test_a_method_with_a_similar_name_is_the_application_s_own() -> None:
    class Own(Gauged):
        def _on_start(self) -> None:
            raise AssertionError("jero has called it")

    app = Own(Once())
    async with AsyncTestClient(app) as client:
        await client.get("/once")
    assert app.calls[0] == "start"
