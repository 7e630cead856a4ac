"""Asks services that refuse, break or stall, all in this process, through the example's `Upstreams`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import upstreams
from msgspec import Raw
from upstreams import Upstreams

from jero import BaseApp, Endpoint, EventStreamResponse, HTTPError, ServerSentEvent
from jero.client import RequestRefused, StreamCut
from jero.testing import AsyncTestClient
from tests.docs.program import PATIENCE

Source = AsyncIterator[int | ServerSentEvent[int]]
REQUEST = {"stream": Raw(b"true")}


class Busy(HTTPError, title="Busy", status=503):
    """The service is busy for a moment."""


class Wrong(HTTPError, title="Wrong", status=400):
    """The request is wrong."""


class ServiceEndpoint(Endpoint, path="/ask"):
    """Raises its refusals, one for each request, and then answers each request with a number and `[DONE]`."""

    def __init__(self, *refusals: HTTPError, source: Source | None = None) -> None:
        self.refusals = list(refusals)
        self.requests = 0
        self.source = source

    async def post(self) -> EventStreamResponse[int]:
        self.requests += 1
        if self.refusals:
            raise self.refusals.pop(0)
        last = ServerSentEvent(data="[DONE]")
        return EventStreamResponse(stream=self.source or [1], last=last, keepalive=0.01)


class Service(BaseApp):
    def __init__(self, endpoint: ServiceEndpoint) -> None:
        super().__init__()
        self._endpoint = endpoint

    async def _wire(self) -> None:
        self._include_endpoint(self._endpoint)


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstreams, "DELAYS", (0.0, 0.0))


@asynccontextmanager
async def to(*endpoints: ServiceEndpoint) -> AsyncGenerator[Upstreams, None]:
    async with AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(AsyncTestClient(Service(endpoint))) for endpoint in endpoints]
        yield Upstreams(clients, "/ask", until="[DONE]")


async def answer(upstreams: Upstreams) -> list[bytes]:
    return [bytes(event.data) async for event in upstreams.events(REQUEST) if isinstance(event.data, Raw)]


async def breaking() -> Source:
    yield 1
    await asyncio.sleep(0)
    raise RuntimeError("broken")


async def stalling() -> Source:
    yield 1
    await asyncio.Event().wait()


async def pinging() -> Source:
    """Sends events named `ping` without end. The service itself sends comments, too."""
    yield 1
    while True:
        await asyncio.sleep(0.02)
        yield ServerSentEvent(event="ping", data=0)


async def failing() -> Source:
    yield int("fails before the headers")


async def failing_late() -> Source:
    yield ServerSentEvent(event="ping", data=0)
    await asyncio.sleep(0)
    raise RuntimeError("failed after the headers")


async def silent() -> Source:
    await asyncio.Event().wait()
    yield 1


async def silent_late() -> Source:
    yield ServerSentEvent(event="ping", data=0)
    await asyncio.Event().wait()


async def ending() -> Source:
    for _ in range(0):
        yield 1


@pytest.mark.parametrize(
    ("refused", "requests"), [((0, 0), (1, 0)), ((1, 0), (1, 1)), ((2, 1), (2, 2)), ((2, 2), (3, 2)), ((3, 2), (3, 3))]
)
async def test_busy_services_are_asked_in_turn_until_one_answers(
    refused: tuple[int, int], requests: tuple[int, int]
) -> None:
    services = [ServiceEndpoint(*[Busy() for _ in range(count)]) for count in refused]
    async with to(*services) as upstreams:
        assert await answer(upstreams) == [b"1"]
    assert tuple(service.requests for service in services) == requests


async def test_a_service_that_stays_busy_refuses_after_three_rounds() -> None:
    service = ServiceEndpoint(*[Busy() for _ in range(9)])
    async with to(service) as upstreams:
        with pytest.raises(RequestRefused):
            await answer(upstreams)
    assert service.requests == 3


async def test_a_long_time_to_wait_is_left_to_the_client_and_the_shortest_is_told() -> None:
    services = [ServiceEndpoint(Busy(headers={"Retry-After": seconds})) for seconds in ("30", "20", "25")]
    async with to(*services) as upstreams:
        with pytest.raises(RequestRefused) as refused:
            await answer(upstreams)
    assert refused.value.retry_after == 20
    assert [service.requests for service in services] == [1, 1, 1]


async def test_any_other_refusal_is_final() -> None:
    first, second = ServiceEndpoint(Wrong()), ServiceEndpoint()
    async with to(first, second) as upstreams:
        with pytest.raises(RequestRefused):
            await answer(upstreams)
    assert (first.requests, second.requests) == (1, 0)


@pytest.mark.parametrize("source", [failing, failing_late, silent, silent_late])
async def test_a_service_without_a_first_event_is_passed_over(source: Callable[[], Source]) -> None:
    ended = asyncio.Event()

    async def first() -> Source:
        try:
            async for item in source():
                yield item
        finally:
            ended.set()

    services = ServiceEndpoint(source=first()), ServiceEndpoint()
    async with asyncio.timeout(PATIENCE), to(*services) as upstreams:
        events = upstreams.events(REQUEST)
        assert (await anext(events)).data == Raw(b"1")
        assert ended.is_set()
        assert [event async for event in events] == []
    assert [service.requests for service in services] == [1, 1]


async def test_services_that_are_all_silent_take_no_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstreams, "FIRST_EVENT", 0.2)
    services = ServiceEndpoint(source=silent()), ServiceEndpoint(source=silent())
    async with asyncio.timeout(PATIENCE) as patience, to(*services) as silenced:
        with pytest.raises(TimeoutError):
            await answer(silenced)
    assert not patience.expired()


async def test_a_stream_without_events_is_an_answer() -> None:
    first, second = ServiceEndpoint(source=ending()), ServiceEndpoint()
    async with to(first, second) as upstreams:
        assert await answer(upstreams) == []
    assert (first.requests, second.requests) == (1, 0)


async def test_nothing_is_sent_again_after_the_first_event() -> None:
    first, second = ServiceEndpoint(source=breaking()), ServiceEndpoint()
    async with to(first, second) as upstreams:
        events = upstreams.events(REQUEST)
        assert (await anext(events)).data == Raw(b"1")
        with pytest.raises(StreamCut):
            await anext(events)
    assert (first.requests, second.requests) == (1, 0)


@pytest.mark.parametrize("source", [stalling, pinging])
async def test_pings_do_not_hide_that_the_service_stalls(
    monkeypatch: pytest.MonkeyPatch, source: Callable[[], Source]
) -> None:
    monkeypatch.setattr(upstreams, "NEXT_EVENT", 0.1)
    async with asyncio.timeout(PATIENCE) as patience, to(ServiceEndpoint(source=source())) as stalled:
        events = stalled.events(REQUEST)
        assert (await anext(events)).data == Raw(b"1")
        with pytest.raises(TimeoutError):
            await anext(events)
    assert not patience.expired()
