"""The client against a jero application on a real server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, suppress
from typing import Any, assert_type

import httpx
import pytest
import sse_events
from msgspec import UnsetType

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, ServerSentEvent, SSEResponse, StreamFailed, StreamOutcome
from jero.client import Reconnection, RequestRefused, StreamClient
from jero.testing import AsyncTestClient
from tests.client.waits import Waits
from tests.servers.feeds import Tick
from tests.servers.running import Running, running
from tests.servers.servers import UVICORN
from tests.servers.wire import new_key

NOTICED_WITHIN = 0.5


@pytest.fixture(scope="module")
def feeds() -> Iterator[Running]:
    with running(UVICORN) as server:
        yield server


@pytest.fixture
async def client(feeds: Running) -> AsyncIterator[StreamClient]:
    async with StreamClient(feeds.url, sleep=Waits(), trust_env=False) as client:
        yield client


async def test_items_have_the_requested_type(client: StreamClient) -> None:
    ticks: list[Tick] = []
    async for tick in client.ndjson("/lines/finite", Tick):
        assert_type(tick, Tick)
        ticks.append(tick)
    assert ticks == [Tick(0), Tick(1), Tick(2)]


async def test_the_data_of_events_has_the_requested_type(client: StreamClient) -> None:
    ticks: list[Tick | UnsetType] = []
    async with aclosing(client.sse("/events/finite", Tick, params={"items": 2})) as stream:
        async for event in stream:
            assert_type(event, ServerSentEvent[Tick])
            ticks.append(event.data)
            if len(ticks) == 4:
                break
    assert ticks == [Tick(0), Tick(1), Tick(0), Tick(1)]  # the client reconnected after the end


async def test_an_item_arrives_before_the_next_is_made(client: StreamClient) -> None:
    async with aclosing(client.ndjson("/lines/idle", Tick)) as ticks:
        assert await anext(ticks) == Tick(0)


async def test_a_failing_source_cuts_an_ndjson_stream(client: StreamClient) -> None:
    ticks = client.ndjson("/lines/failing", Tick, params={"items": 2})
    assert [await anext(ticks), await anext(ticks)] == [Tick(0), Tick(1)]
    with pytest.raises(httpx.RemoteProtocolError):
        await anext(ticks)


async def test_a_failing_source_is_reported_in_an_event_stream(client: StreamClient) -> None:
    ticks = client.sse("/events/failing", Tick, params={"items": 1})
    assert (await anext(ticks)).data == Tick(0)
    with pytest.raises(StreamFailed, match="The source broke") as raised:
        await anext(ticks)
    assert raised.value.problem.status == 409


@pytest.mark.parametrize("path", ["/lines/failing", "/events/failing"])
async def test_a_source_that_fails_before_its_first_item_refuses_the_request(client: StreamClient, path: str) -> None:
    read = client.ndjson if path.startswith("/lines") else client.sse
    with pytest.raises(RequestRefused, match="answered with 409: The source broke") as raised:
        await anext(read(path, Tick, params={"items": 0}))
    assert raised.value.problem is not None
    assert raised.value.problem.type == "conflict"


async def leave_by_break(stream: AsyncGenerator[object, None]) -> None:
    async for _ in stream:
        break


async def leave_by_closing(stream: AsyncGenerator[object, None]) -> None:
    async with aclosing(stream):
        await anext(stream)


async def leave_by_an_error(stream: AsyncGenerator[object, None]) -> None:
    async with aclosing(stream):
        async for _ in stream:
            raise KeyError


async def leave_by_cancellation(stream: AsyncGenerator[object, None]) -> None:
    await anext(stream)
    reading = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    reading.cancel()
    await reading


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_closing, leave_by_an_error, leave_by_cancellation])
@pytest.mark.parametrize("path", ["/lines/idle", "/events/idle", "/lines/busy", "/lines/never-pausing"])
async def test_the_server_notices_a_client_that_leaves_early(
    client: StreamClient, feeds: Running, path: str, leave: Any
) -> None:
    key = new_key()
    read = client.ndjson if path.startswith("/lines") else client.sse
    with suppress(KeyError, asyncio.CancelledError):
        await leave(read(path, Tick, params={"key": key}))
    assert await asyncio.to_thread(feeds.has_noted, "closed", key, within=NOTICED_WITHIN)
    assert feeds.note("closed", key).reason == "disconnected"


async def test_closing_the_client_ends_its_streams(feeds: Running) -> None:
    key = new_key()
    async with StreamClient(feeds.url, trust_env=False) as client:
        ticks = client.ndjson("/lines/idle", Tick, params={"key": key})
        await anext(ticks)
    assert await asyncio.to_thread(feeds.has_noted, "closed", key, within=NOTICED_WITHIN)
    await ticks.aclose()


async def test_a_given_client_stays_open(feeds: Running) -> None:
    async with httpx.AsyncClient(base_url=feeds.url, trust_env=False) as shared:
        for _ in range(2):
            async with StreamClient(client=shared) as client:
                assert len([tick async for tick in client.ndjson("/lines/finite", Tick)]) == 3
        assert (await shared.get("/health")).status_code == 200


async def test_more_than_a_hundred_streams_can_be_open_at_once(client: StreamClient) -> None:
    streams = [client.sse("/events/idle", Tick) for _ in range(120)]
    firsts = await asyncio.gather(*(anext(stream) for stream in streams))
    assert [event.data for event in firsts] == [Tick(0)] * 120
    for stream in streams:
        await stream.aclose()


async def test_a_server_that_is_gone_raises_after_the_last_attempt() -> None:
    waits = Waits()
    with running(UVICORN) as server:
        policy = Reconnection(attempts=2)
        async with StreamClient(server.url, sleep=waits, reconnection=policy, trust_env=False) as client:
            ticks = client.sse("/events/idle", Tick)
            await anext(ticks)
            server.end()
            with pytest.raises(httpx.ConnectError):
                await anext(ticks)
    assert len(waits) == 2


async def test_an_application_in_process_is_followed_as_over_a_network() -> None:
    waits = Waits()
    async with AsyncTestClient(sse_events.app) as app:
        client = StreamClient(client=app, sleep=waits)
        ids = [event.id async for event in client.sse("/parcel", sse_events.Step)]
    assert ids == ["09:00", "11:30", "15:45"]
    assert len(waits) == 1
    assert 1 <= waits[0] <= 1.5


class Endless(BaseApp):
    """Serves an endless stream in both formats. `outcomes` are the outcomes of the streams that have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[StreamOutcome] = []

    async def _wire(self) -> None:
        self._include_endpoint(EndlessLines())
        self._include_endpoint(EndlessEvents())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


async def endless() -> AsyncIterator[int]:
    yield 1
    await asyncio.get_running_loop().create_future()


class EndlessLines(Endpoint, path="/ndjson"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=endless())


class EndlessEvents(Endpoint, path="/sse"):
    async def get(self) -> SSEResponse[int]:
        return SSEResponse(stream=endless())


@pytest.mark.parametrize("method", ["ndjson", "sse"])
async def test_closing_the_iterator_waits_until_the_stream_has_ended(method: str) -> None:
    app = Endless()
    async with AsyncTestClient(app) as in_process:
        stream: AsyncGenerator[object, None] = getattr(StreamClient(client=in_process), method)(f"/{method}", int)
        await anext(stream)
        await stream.aclose()
        assert [outcome.reason for outcome in app.outcomes] == ["disconnected"]
