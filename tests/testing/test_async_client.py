"""The asynchronous test client streams as over a network."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import Struct

from jero import StreamFailed
from jero.client import RequestRefused, StreamCut
from jero.framing.json import NDJSON_NAMES
from jero.http.asgi import Message, Receive, Scope, Send
from jero.testing import AsyncTestClient
from tests.testing.feeds import Feeds, Tick


async def test_an_endless_stream_is_read_item_by_item_and_closed_early() -> None:
    app = Feeds()
    async with AsyncTestClient(app) as client:
        async with aclosing(client.ndjson("/ticks", Tick)) as ticks:
            assert [(await anext(ticks)).number for _ in range(5)] == [0, 1, 2, 3, 4]
            assert app.record.steps == ["started"]
        assert app.record.steps == ["started", "closed"]
    assert app.record.steps == ["started", "closed", "stopped"]


async def test_events_are_typed() -> None:
    async with AsyncTestClient(Feeds()) as client, aclosing(client.sse("/events", Tick)) as events:
        event = await anext(events)
        assert (event.data, event.event, event.id) == (Tick(0), "tick", "0")


async def test_a_slow_reader_makes_the_application_wait() -> None:
    app = Feeds()
    async with AsyncTestClient(app) as client, client.stream("GET", "/ticks") as response:
        chunks = response.aiter_raw()
        await anext(chunks)
        for _ in range(1_000):
            await asyncio.sleep(0)
        held_at = app.record.pulled
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert app.record.pulled == held_at < 10


async def test_a_cut_stream_raises() -> None:
    async with AsyncTestClient(Feeds()) as client:
        ticks = client.ndjson("/broken", Tick, method="POST")
        assert await anext(ticks) == Tick(0)
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(ticks)


async def test_a_failure_reported_in_the_stream_raises_its_problem() -> None:
    async with AsyncTestClient(Feeds()) as client:
        events = client.sse("/broken", Tick)
        assert (await anext(events)).data == Tick(0)
        with pytest.raises(StreamFailed, match="the rest") as raised:
            await anext(events)
        assert raised.value.problem.status == 404


async def test_a_refused_request_raises_the_problem_of_the_application() -> None:
    async with AsyncTestClient(Feeds()) as client:
        with pytest.raises(RequestRefused, match="answered with 404: ") as raised:
            await anext(client.sse("/nowhere", Tick))
    assert raised.value.problem is not None
    assert raised.value.problem.status == 404
    assert raised.value.__notes__ == [raised.value.response.text]


async def test_a_silent_stream_times_out_and_is_closed() -> None:
    async with AsyncTestClient(Feeds(), timeout=0.01) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/silence")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_request_body_may_be_a_generator() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    async with AsyncTestClient(Feeds()) as client:
        assert (await client.post("/echo", content=body())).content == b"one two"


@pytest.mark.parametrize(("path", "error"), [("/nowhere", httpx.HTTPStatusError), ("/events", httpx.DecodingError)])
async def test_another_status_or_media_type_is_refused(path: str, error: type[Exception]) -> None:
    async with AsyncTestClient(Feeds()) as client:
        with pytest.raises(error):
            await anext(client.ndjson(path, Tick))


async def test_it_serves_an_application_without_a_lifespan_and_raises_its_errors() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        if scope["path"] == "/error":
            raise KeyError("of the application")
        if scope["path"] == "/silence":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["query_string"]})

    async with AsyncTestClient(app) as client:
        assert (await client.get("/?a=%20b")).content == b"a=%20b"
        with pytest.raises(KeyError, match="of the application"):
            await client.get("/error")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/silence")


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
async def test_a_failing_lifespan_raises_its_reason(phase: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for each in itertools.takewhile(lambda each: each != phase, ("startup", "shutdown")):
            await receive()
            await send({"type": f"lifespan.{each}.complete"})
        await receive()
        await send({"type": f"lifespan.{phase}.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match=f"{phase} failed: no database"):
        async with AsyncTestClient(app):
            pass


async def test_an_application_that_ignores_a_disconnect_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jero.testing.exchange.DISCONNECT_TIMEOUT", 0.01)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.get_running_loop().create_future()

    async with AsyncTestClient(app) as client:
        with pytest.raises(RuntimeError, match="still runs"):
            async with client.stream("GET", "/"):
                pass


async def test_closing_the_client_closes_its_open_streams() -> None:
    app = Feeds()
    async with AsyncTestClient(app) as client:
        ticks = client.ndjson("/ticks", Tick)
        assert await anext(ticks) == Tick(0)
    assert app.record.steps == ["started", "closed", "stopped"]
    await ticks.aclose()


async def test_closing_the_client_in_its_block_shuts_the_application_down() -> None:
    app = Feeds()
    async with AsyncTestClient(app) as client:
        await client.aclose()
        assert app.record.steps == ["started", "stopped"]
    assert app.record.steps == ["started", "stopped"]


async def test_a_disconnect_closes_a_request_body_that_is_being_sent() -> None:
    sent: list[str] = []
    received: list[Message] = []
    is_read_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            is_read_on.set()
            await asyncio.get_running_loop().create_future()
        finally:
            sent.append("closed")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        received.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answer", "more_body": True})
        received.append(await receive())

    async with AsyncTestClient(app) as client, client.stream("POST", "/", content=body()) as response:
        assert await anext(response.aiter_raw()) == b"answer"
        await is_read_on.wait()
    assert received == [
        {"type": "http.request", "body": b"first", "more_body": True},
        {"type": "http.disconnect"},
    ]
    assert sent == ["closed"]


class Order(Struct):
    title: str
    at: datetime


class Word(str):
    __slots__ = ()


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_struct_is_sent_as_json(method: str) -> None:
    order = Order("é", datetime(2026, 11, 20, tzinfo=UTC))
    async with AsyncTestClient(mirror) as client:
        response = await client.request(method, "/", json=order)
        assert response.json() == {"type": "application/json", "body": '{"title":"é","at":"2026-11-20T00:00:00Z"}'}
        bare = await client.request(method, "/", json=None)
        assert bare.json() == {"type": "", "body": ""}
        assert (await client.request(method, "/", json=Word("a"))).json()["body"] == '"a"'
        own = await client.request(method, "/", json=[1], headers={"Content-Type": "application/vnd.a+json"})
        assert own.json() == {"type": "application/vnd.a+json", "body": "[1]"}


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the media type and the body of the request."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    media_type = dict(scope["headers"]).get(b"content-type", b"").decode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": msgspec.json.encode({"type": media_type, "body": body.decode()})})


@pytest.mark.parametrize("headers", [{"Last-Event-ID": "Zürich-1"}, [("last-event-id", "Zürich-1")]])
async def test_a_last_event_id_is_sent_in_utf_8(headers: Any) -> None:
    async with AsyncTestClient(Feeds()) as client:
        assert (await client.get("/resumed", headers=headers)).json() == "Zürich-1"
        events = client.sse("/resumed/events", str, headers=headers)
        assert [(event.data, event.id) async for event in events] == [("Zürich-1", "Zürich-1!")]
    async with AsyncTestClient(Feeds(), headers=headers) as client:
        assert (await client.get("/resumed")).json() == "Zürich-1"


@pytest.mark.parametrize("name", NDJSON_NAMES)
async def test_every_name_of_ndjson_is_read(name: str) -> None:
    async with AsyncTestClient(Feeds()) as client:
        assert [tick.number async for tick in client.ndjson("/named", Tick, params={"name": name})] == [1, 2]


async def test_a_cut_stream_says_how_much_was_received() -> None:
    async with AsyncTestClient(Feeds()) as client:
        ticks = client.ndjson("/broken", Tick, method="POST")
        await anext(ticks)
        with pytest.raises(StreamCut, match=r"^The stream was cut after 1 item: The application stopped") as raised:
            await anext(ticks)
    assert raised.value.received == 1


@pytest.mark.parametrize("type_", [str | None, str | int])
async def test_a_union_of_text_with_another_type_is_refused_at_the_call(type_: Any) -> None:
    async with AsyncTestClient(Feeds()) as client:
        with pytest.raises(TypeError, match="text is sent as it is, and everything else as JSON"):
            client.sse("/events", type_)


async def test_the_exception_behind_a_500_is_raised_if_asked_for() -> None:
    async with AsyncTestClient(Feeds()) as client:
        assert (await client.get("/failing")).status_code == 500
    async with AsyncTestClient(Feeds(), raise_app_exceptions=True) as client:
        with pytest.raises(LookupError, match="no such thing"):
            await client.get("/failing")
        assert (await client.get("/nowhere")).status_code == 404
        assert (await client.post("/failing")).status_code == 404  # an HTTPError is an answer
        assert (await client.post("/echo", content=b"x")).content == b"x"


@pytest.mark.parametrize("path", ["/failing/lines", "/failing/events"])
async def test_the_exception_that_broke_a_stream_is_raised_if_asked_for(path: str) -> None:
    async with AsyncTestClient(Feeds(), raise_app_exceptions=True) as client:
        read = client.sse if path.endswith("events") else client.ndjson
        with pytest.raises(LookupError, match="in mid-stream"):
            [item async for item in read(path, Tick)]
        with pytest.raises(LookupError, match="in mid-stream"):
            await client.get(path)


async def test_the_exception_of_an_application_after_its_response_is_raised_if_asked_for() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"broken"})
        raise KeyError("after the response")

    async with AsyncTestClient(app, raise_app_exceptions=True) as client:
        with pytest.raises(KeyError, match="after the response"):
            await client.get("/")


async def test_closing_the_client_shuts_the_application_down_after_an_exception() -> None:
    app = Feeds()

    async def leave_a_stream_open() -> None:
        async with AsyncTestClient(app, raise_app_exceptions=True) as client:
            await client.send(client.build_request("GET", "/failing/teardown"), stream=True)

    with pytest.raises(LookupError, match="of the teardown"):
        await leave_a_stream_open()
    assert app.record.steps == ["started", "stopped"]
