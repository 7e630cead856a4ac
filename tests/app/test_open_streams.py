"""An operator sees the open streams of a process, and stops one of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import pytest

from jero import (
    BaseApp,
    Endpoint,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    SSEResponse,
    StreamingResponse,
    StreamOutcome,
    StreamPolicy,
)
from jero.channels import Channel, MemoryStore
from jero.http.asgi import Message
from jero.testing import AsyncTestClient
from tests.application import Application, http_scope
from tests.channels.reading import until


class Outcomes(Application):
    """Keeps the outcomes of its streams."""

    def __init__(self, *endpoints: Endpoint, **options: Any) -> None:
        super().__init__(*endpoints, **options)
        self.outcomes: asyncio.Queue[StreamOutcome] = asyncio.Queue()

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.put_nowait(outcome)


class NumbersEndpoint(Endpoint, path="/numbers"):
    """Yields three numbers, and then waits. `closed`: how often its source was torn down."""

    def __init__(self) -> None:
        self.closed = 0

    async def _numbers(self) -> AsyncIterator[int]:
        try:
            for number in (1, 2, 3):
                yield number
            await asyncio.get_running_loop().create_future()
        finally:
            self.closed += 1

    async def get(self) -> SSEResponse[int]:
        return SSEResponse(stream=self._numbers())

    async def post(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._numbers())

    async def put(self) -> JSONArrayStreamingResponse[int]:
        return JSONArrayStreamingResponse(stream=self._numbers())


class Request:
    """One request, straight to the application. `sent`: what it has sent. While `is_blocked`, `send` waits."""

    def __init__(self, app: BaseApp, path: str, method: str = "GET") -> None:
        self.sent: list[Message] = []
        self.has_sent = asyncio.Event()
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.task = asyncio.create_task(app(http_scope(method, path), self.receive, self.send))

    async def receive(self) -> Message:
        if not self.has_sent.is_set():
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.has_sent.set()
            await self.may_send.wait()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def has_end(self) -> bool:
        return self.sent[-1].get("more_body") is False


@pytest.mark.parametrize(
    ("method", "body", "has_end"),
    [
        ("GET", b"data: 1\n\ndata: 2\n\ndata: 3\n\n", True),
        ("POST", b"1\n2\n3\n", False),
        ("PUT", b"[1,2,3", False),
    ],
)
async def test_a_stream_is_listed_and_can_be_stopped(method: str, body: bytes, has_end: Any) -> None:
    endpoint = NumbersEndpoint()
    app = Outcomes(endpoint)
    async with app.lifespan():
        assert app.streams() == ()
        request, other = Request(app, "/numbers", method), Request(app, "/numbers", method)
        await request.has_sent.wait()
        await other.has_sent.wait()
        stream, second = app.streams()
        assert app.stop_stream(stream.id)
        assert app.stop_stream(second.id)
        assert (stream.endpoint, stream.method, stream.path) == ("NumbersEndpoint", method, "/numbers")
        assert (stream.items, stream.bytes, stream.client) == (3, len(body), ("127.0.0.1", 1))
        assert stream.age >= 0
        assert stream.blocked_for is None
        for _ in range(2):
            outcome = await app.outcomes.get()
            assert (outcome.reason, outcome.error, outcome.items) == ("stopped", None, 3)
        await asyncio.gather(request.task, other.task, return_exceptions=True)
        for ended in (request, other):
            assert (ended.body, ended.has_end) == (body, has_end)
        assert endpoint.closed == 2
        assert app.streams() == ()
        assert not app.stop_stream(stream.id)


async def test_only_the_stream_of_the_id_is_stopped() -> None:
    app = Outcomes(NumbersEndpoint())
    async with app.lifespan():
        requests = [Request(app, "/numbers") for _ in range(3)]
        for request in requests:
            await request.has_sent.wait()
        assert len({stream.id for stream in app.streams()}) == 3
        assert not app.stop_stream("")
        assert not app.stop_stream("no such stream")
        chosen = app.streams()[1].id
        assert app.stop_stream(chosen)
        assert (await app.outcomes.get()).reason == "stopped"
        left = {stream.id for stream in app.streams()}
        assert len(left) == 2
        assert chosen not in left
        await app.drain()
        await asyncio.gather(*(request.task for request in requests))


async def test_a_stream_whose_client_takes_nothing_says_for_how_long() -> None:
    app = Outcomes(NumbersEndpoint())
    async with app.lifespan():
        request = Request(app, "/numbers", "POST")
        request.may_send.clear()
        await request.has_sent.wait()
        [first] = app.streams()
        await asyncio.sleep(0.01)
        [second] = app.streams()
        assert first.blocked_for is not None
        assert second.blocked_for is not None
        assert second.blocked_for >= first.blocked_for + 0.01
        assert second.age >= first.age + 0.01
        request.may_send.set()
        assert app.stop_stream(first.id)
        assert (await app.outcomes.get()).reason == "stopped"
        await asyncio.gather(request.task, return_exceptions=True)


class EndlessEndpoint(Endpoint, path="/endless"):
    """Streams in the other ways: from a thread, from a channel, without a pause, and with a teardown that hangs."""

    stream_policy = StreamPolicy(teardown_timeout=0.05)

    def __init__(self, channel: Channel[int]) -> None:
        self._channel = channel

    async def get(self) -> SSEResponse[int]:
        return SSEResponse(stream=self._channel.subscribe())

    async def post(self) -> NDJSONStreamingResponse[int]:
        def numbers() -> Iterator[int]:
            yield from count()

        return NDJSONStreamingResponse(stream=numbers())

    async def put(self) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield b"part"

        return StreamingResponse(stream=parts())

    async def delete(self) -> NDJSONStreamingResponse[int]:
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.get_running_loop().create_future()

        return NDJSONStreamingResponse(stream=numbers())


@pytest.mark.parametrize(("method", "reason"), [("POST", "stopped"), ("PUT", "stopped"), ("DELETE", "failed")])
async def test_every_kind_of_source_can_be_stopped(method: str, reason: str) -> None:
    async with MemoryStore() as store:
        app = Outcomes(EndlessEndpoint(Channel(store, "numbers", int)))
        async with app.lifespan():
            request = Request(app, "/endless", method)
            await request.has_sent.wait()
            await until(lambda: bool(app.streams()))
            assert app.stop_stream(app.streams()[0].id)
            assert (await app.outcomes.get()).reason == reason
            await asyncio.gather(request.task, return_exceptions=True)


async def test_a_subscription_is_counted_and_can_be_stopped() -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "numbers", int)
        app = Outcomes(EndlessEndpoint(channel))
        async with app.lifespan():
            request = Request(app, "/endless")
            await until(lambda: channel.statistics().subscribers == 1)
            for number in range(3):
                await channel.publish(number)
            await until(lambda: request.body.count(b"data: ") == 3)
            [stream] = app.streams()
            assert (stream.items, stream.bytes) == (3, len(request.body))
            assert app.stop_stream(stream.id)
            outcome = await app.outcomes.get()
            assert (outcome.reason, outcome.items) == ("stopped", 3)
            await request.task
            assert request.has_end


async def test_a_stream_that_is_stopped_before_its_first_byte_is_answered_with_its_status() -> None:
    class SilentEndpoint(Endpoint, path="/silent"):
        async def get(self) -> NDJSONStreamingResponse[int]:
            async def nothing() -> AsyncIterator[int]:
                await asyncio.get_running_loop().create_future()
                yield 1

            return NDJSONStreamingResponse(stream=nothing())

    app = Outcomes(SilentEndpoint())
    async with AsyncTestClient(app) as client:
        asking = asyncio.create_task(client.get("/silent"))
        await until(lambda: bool(app.streams()))
        assert app.stop_stream(app.streams()[0].id)
        response = await asking
        assert (response.status_code, response.json()["type"]) == (410, "gone")


class Outer(BaseApp):
    def __init__(self, inner: BaseApp) -> None:
        super().__init__()
        self._inner = inner

    async def _wire(self) -> None:
        self._include_app(self._inner, path="/inner")


async def test_the_streams_of_mounted_applications_are_among_them() -> None:
    inner = Outcomes(NumbersEndpoint())
    app = Outer(inner)
    async with AsyncTestClient(app) as client, client.stream("POST", "/inner/numbers") as response:
        assert await anext(response.aiter_lines()) == "1"
        [stream] = app.streams()
        assert stream.endpoint == "NumbersEndpoint"
        assert inner.streams()[0].id == stream.id
        assert app.stop_stream(stream.id)
        assert (await inner.outcomes.get()).reason == "stopped"
