"""The event stream of one request, from a server that sends exactly the bytes of the test."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import UNSET, Struct

from jero import Conflict, ServerSentEvent, StreamFailed
from jero.client import EventStream, RequestRefused, StreamClient, StreamCut, refused
from tests.client.raw_server import EVENTS, LINES, OK, Peer, RawServer, Script, answer, cut_events, events
from tests.ports import free_port

DONE = b"data: [DONE]\n\n"
NUMBERS = b"data: 1\n\ndata: 2\n\n"
SEEN = [1, 2]


class Chunk(Struct):
    number: int


def client_of(server: RawServer, **options: Any) -> StreamClient:
    return StreamClient(server.url, trust_env=False, **options)


async def data(stream: EventStream[Any]) -> list[Any]:
    async with stream as entered:
        return [event.data async for event in entered]


async def until_cut(stream: EventStream[Any]) -> tuple[list[Any], StreamCut]:
    """Returns the data of the events before the cut, and the error."""
    found: list[Any] = []
    async with stream as entered:
        iterator = aiter(entered)
        while True:
            try:
                found.append((await anext(iterator)).data)
            except StreamCut as error:
                return found, error


async def test_the_request_has_the_method_the_body_and_the_headers() -> None:
    async with RawServer(events(b"id: 7\nevent: tick\ndata: 1\n\n")) as server, client_of(server) as client:
        stream = client.events("/ask", int, method="POST", json=Chunk(3), headers={"Authorization": "Bearer x"})
        async with stream as entered:
            assert entered.status == 200
            assert entered.headers["content-type"] == "text/event-stream"
            assert [event async for event in entered] == [ServerSentEvent(data=1, event="tick", id="7")]
    [request] = server.requests
    assert request.line == "POST /ask HTTP/1.1"
    assert request.body == b'{"number":3}'
    sent = [request.headers[name] for name in ("accept", "content-type", "authorization")]
    assert sent == ["text/event-stream", "application/json", "Bearer x"]


async def test_the_block_is_entered_when_the_headers_are_there() -> None:
    entered = asyncio.Event()

    async def late(peer: Peer) -> None:
        await peer.send(EVENTS)
        await entered.wait()
        await peer.chunks(b"data: 1\n\n")
        await peer.end()

    async with RawServer(late) as server, client_of(server) as client, client.events("/", int) as stream:
        entered.set()
        assert [event.data async for event in stream] == [1]


@pytest.mark.parametrize("script", [events(NUMBERS), events(NUMBERS, b"data: cut off")])
async def test_without_a_promise_the_end_of_the_body_is_the_end(script: Script) -> None:
    async with RawServer(script) as server, client_of(server) as client:
        assert await data(client.events("/", int)) == SEEN


async def test_a_stream_never_reconnects() -> None:
    async with RawServer(events(b"retry: 1\nid: 3\n" + NUMBERS)) as server, client_of(server) as client:
        assert await data(client.events("/", int)) == SEEN
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script", [events(NUMBERS, DONE), cut_events(NUMBERS, DONE), cut_events(NUMBERS + DONE + b"x")]
)
async def test_a_promised_text_ends_the_stream_and_is_not_yielded(script: Script) -> None:
    async with RawServer(script) as server, client_of(server) as client:
        assert await data(client.events("/", int, until="[DONE]")) == SEEN


async def test_a_promised_text_counts_for_data_that_is_text() -> None:
    async with RawServer(events(b"data: a\n\ndata: [DONE]2\n\n", DONE)) as server, client_of(server) as client:
        assert await data(client.events("/", str, until="[DONE]")) == ["a", "[DONE]2"]


async def test_an_event_for_which_the_function_returns_true_is_the_last_that_is_yielded() -> None:
    async with RawServer(cut_events(NUMBERS + b"data: 3\n\n")) as server, client_of(server) as client:
        assert await data(client.events("/", int, until=lambda event: event.data == 2)) == SEEN


async def test_a_promised_end_may_be_an_event_with_a_name_alone() -> None:
    async with RawServer(events(NUMBERS, b"event: end\ndata:\n\n")) as server, client_of(server) as client:
        assert await data(client.events("/", int, until=lambda event: event.event == "end")) == [*SEEN, UNSET]


def is_nine(event: ServerSentEvent[int]) -> bool:
    return event.data == 9


@pytest.mark.parametrize(
    ("until", "missing"),
    [("[DONE]", "the event '[DONE]'"), (is_nine, "the last event that `until` waits for")],
)
async def test_a_stream_that_ends_without_its_promised_end_is_cut(until: Any, missing: str) -> None:
    async with RawServer(events(NUMBERS)) as server, client_of(server) as client:
        found, error = await until_cut(client.events("/ask", int, until=until))
    assert (found, error.received) == (SEEN, 2)
    assert error.request.url.path == "/ask"
    assert str(error) == f"The stream was cut after 2 items: it ended without {missing}."


async def too_short(peer: Peer) -> None:
    await peer.send(OK, b"Content-Type: text/event-stream\r\nContent-Length: 99\r\n\r\n", NUMBERS)


async def without_length(peer: Peer) -> None:
    await peer.send(OK, b"Content-Type: text/event-stream\r\nConnection: close\r\n\r\n", NUMBERS)


async def reset(peer: Peer) -> None:
    await peer.send(EVENTS)
    await peer.chunks(NUMBERS)
    peer.reset()


@pytest.mark.parametrize("until", [None, "[DONE]"])
@pytest.mark.parametrize("script", [cut_events(NUMBERS), cut_events(NUMBERS, b"data: 3"), too_short, without_length])
async def test_a_cut_transfer_is_a_cut_stream(script: Script, until: str | None) -> None:
    async with RawServer(script) as server, client_of(server) as client:
        found, error = await until_cut(client.events("/", int, until=until))
    assert (found, error.received) == (SEEN, 2)


async def test_a_reset_connection_is_a_cut_stream_with_a_message() -> None:
    async with RawServer(reset) as server, client_of(server) as client, client.events("/", int) as stream:
        with pytest.raises(StreamCut, match=r"^The stream was cut after [0-2] items?: .*\w\.?$"):
            assert [event async for event in stream] == []


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_a_refusal_is_raised_with_its_problem_its_status_and_its_headers(status: int) -> None:
    problem = msgspec.json.encode(Conflict("Taken.").problem())
    headers = ("Content-Type: application/problem+json", "Retry-After: 7")
    async with RawServer(answer(status, *headers, body=problem)) as server, client_of(server) as client:
        with pytest.raises(RequestRefused, match=rf"^POST http.* was answered with {status}: Taken\.\n") as raised:
            await client.events("/", int, method="POST").__aenter__()
    error = raised.value
    assert error.problem == Conflict("Taken.").problem()
    assert (error.response.status_code, error.response.headers["retry-after"], error.retry_after) == (status, "7", 7)
    assert len(server.requests) == 1


async def test_a_refused_body_is_bounded() -> None:
    big = gzip.compress(b" " * 1_000_000)
    async with RawServer(answer(500, "Content-Encoding: gzip", body=big)) as server, client_of(server) as client:
        with pytest.raises(RequestRefused) as raised:
            await client.events("/", int).__aenter__()
    assert len(raised.value.response.content) == 65_536


async def test_another_media_type_is_refused() -> None:
    body = gzip.compress(b'{"error": "' + b"x" * 100_000 + b'"}')
    script = answer(200, "Content-Type: application/json", "Content-Encoding: gzip", body=body)
    async with RawServer(script) as server, client_of(server) as client:
        with pytest.raises(httpx.DecodingError, match="'application/json', not text/event-stream") as raised:
            await client.events("/", int).__aenter__()
    assert "xxx" not in str(raised.value)  # a gateway may pass the message on
    assert raised.value.__notes__ == ['The body begins with: {"error": "' + "x" * 489]


async def test_the_beginning_of_another_body_is_awaited_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "MAX_BEGINNING_SECONDS", 0.05)

    async def slow(peer: Peer) -> None:
        await peer.send(LINES)
        await peer.chunks(b"half")
        await peer.client_has_left()

    async with RawServer(slow) as server, client_of(server) as client:
        with pytest.raises(httpx.DecodingError, match="not text/event-stream") as raised:
            await client.events("/", int).__aenter__()
    assert raised.value.__notes__ == ["The body begins with: half"]


async def test_a_204_has_no_events() -> None:
    async with (
        RawServer(answer(204)) as server,
        client_of(server) as client,
        client.events("/", int, until="[DONE]") as stream,
    ):
        assert [event async for event in stream] == []
        assert stream.status == 204


async def test_a_long_event_is_refused_after_the_events_before_it() -> None:
    script = events(b"data: 1\n\n" + b"data: 2\n" * 20)
    async with (
        RawServer(script) as server,
        client_of(server, max_item_bytes=100) as client,
        client.events("/", int) as stream,
    ):
        iterator = aiter(stream)
        assert (await anext(iterator)).data == 1
        with pytest.raises(msgspec.DecodeError, match="The data of an event has more than 100 bytes"):
            await anext(iterator)


async def test_a_compressed_stream_is_read_and_its_end_is_checked() -> None:
    whole = gzip.compress(NUMBERS)
    headers = ("Content-Type: text/event-stream", "Content-Encoding: gzip")
    scripts = [answer(200, *headers, body=whole), answer(200, *headers, body=whole[:-4])]
    async with RawServer(*scripts) as server, client_of(server) as client:
        assert await data(client.events("/", int)) == SEEN
        found, error = await until_cut(client.events("/", int))
    assert (found, error.received) == (SEEN, 2)


STALLED = r"^No bytes arrived for 0\.05 seconds: have the server send pings, or set a longer timeout\.$"


async def test_silence_before_the_headers_is_raised() -> None:
    async with RawServer(Peer.client_has_left) as server, client_of(server) as client:
        with pytest.raises(httpx.ReadTimeout, match=STALLED):
            await client.events("/", int, timeout=0.05).__aenter__()


async def test_silence_between_bytes_is_raised() -> None:
    async def stalled(peer: Peer) -> None:
        await peer.send(EVENTS)
        await peer.chunks(b"data: 1\n\n")
        await peer.client_has_left()

    async with (
        RawServer(stalled) as server,
        client_of(server, idle_timeout=0.05) as client,
        client.events("/", int) as stream,
    ):
        iterator = aiter(stream)
        assert (await anext(iterator)).data == 1
        with pytest.raises(httpx.ReadTimeout, match=STALLED) as raised:
            await anext(iterator)
    cause = raised.value.__cause__
    assert isinstance(cause, httpx.ReadTimeout)
    assert not str(cause)


async def test_a_server_that_is_down_is_raised_with_words() -> None:
    async with StreamClient(f"http://127.0.0.1:{free_port()}", trust_env=False) as client:
        with pytest.raises(httpx.ConnectError, match=r"\w"):
            await client.events("/", int).__aenter__()


async def test_a_problem_in_an_event_is_raised() -> None:
    failure = b"event: error\ndata: " + msgspec.json.encode(Conflict("Taken.").problem()) + b"\n\n"
    async with (
        RawServer(events(NUMBERS, failure)) as server,
        client_of(server) as client,
        client.events("/", int) as stream,
    ):
        iterator = aiter(stream)
        assert [(await anext(iterator)).data, (await anext(iterator)).data] == SEEN
        with pytest.raises(StreamFailed, match="Taken"):
            await anext(iterator)


async def leave_at_once(stream: EventStream[int]) -> None:
    async with stream:
        pass


async def leave_after_an_event(stream: EventStream[int]) -> None:
    async with stream as entered:
        async for _ in entered:
            break


async def leave_by_an_error(stream: EventStream[int]) -> None:
    with suppress(KeyError):
        async with stream as entered:
            async for event in entered:
                raise KeyError(event)


async def leave_by_cancellation(stream: EventStream[int]) -> None:
    received = asyncio.Event()

    async def read() -> None:
        async with stream as entered:
            async for _ in entered:
                received.set()

    reading = asyncio.create_task(read())
    await received.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.parametrize("leave", [leave_at_once, leave_after_an_event, leave_by_an_error, leave_by_cancellation])
async def test_leaving_the_block_closes_the_connection(leave: Any) -> None:
    async def endless(peer: Peer) -> None:
        await peer.send(EVENTS)
        await peer.chunks(b"data: 1\n\n")
        await peer.client_has_left()

    async with RawServer(endless) as server, client_of(server) as client:
        await leave(client.events("/", int, until="[DONE]"))


async def test_a_loop_that_was_left_goes_on() -> None:
    async with RawServer(events(NUMBERS)) as server, client_of(server) as client, client.events("/", int) as stream:
        async for event in stream:
            assert event.data == 1
            break
        assert [event.data async for event in stream] == [2]


async def test_anext_returns_one_event_after_the_other_and_a_loop_goes_on() -> None:
    numbers = NUMBERS + b"data: 3\n\n"
    async with RawServer(events(numbers)) as server, client_of(server) as client, client.events("/", int) as stream:
        assert isinstance(stream, AsyncIterator)
        assert [(await anext(stream)).data, (await anext(stream)).data] == SEEN
        assert [event.data async for event in stream] == [3]
        assert await anext(stream, None) is None


async def test_a_stream_is_entered_once() -> None:
    async with RawServer(events(NUMBERS)) as server, client_of(server) as client:
        stream = client.events("/", int)
        assert await data(stream) == SEEN
        with pytest.raises(RuntimeError, match="entered before: call `events` again"):
            await stream.__aenter__()


async def expect_no_events(stream: EventStream[int]) -> None:
    with pytest.raises(RuntimeError, match="inside of its `async with` block"):
        aiter(stream)
    with pytest.raises(RuntimeError, match="inside of its `async with` block"):
        await anext(stream)


async def test_outside_of_its_block_a_stream_has_no_events() -> None:
    async with RawServer(events(NUMBERS)) as server, client_of(server) as client:
        stream = client.events("/", int)
        for name in ("status", "headers"):
            with pytest.raises(RuntimeError, match="enter it with `async with`"):
                getattr(stream, name)
        await expect_no_events(stream)
        await leave_at_once(stream)
        await expect_no_events(stream)
        assert stream.status == 200


@pytest.mark.parametrize("rest", [b"", b": more"])
async def test_a_connection_whose_stream_has_ended_serves_the_next_request(rest: bytes) -> None:
    async def twice(peer: Peer) -> None:
        for number in (b"1", b"2"):
            await peer.send(EVENTS)
            await peer.chunks(b"data: " + number + b"\n\n" + DONE)
            await peer.chunks(rest)
            await peer.end()
            if number == b"1":
                await peer.request()

    async with RawServer(twice) as server, client_of(server) as client:
        assert [await data(client.events("/", int, until="[DONE]")) for _ in range(2)] == [[1], [2]]


async def test_an_end_that_does_not_come_after_the_last_event_is_not_waited_for() -> None:
    async def lingering(peer: Peer) -> None:
        await peer.send(EVENTS)
        await peer.chunks(NUMBERS + DONE)
        await peer.client_has_left()

    async with RawServer(lingering) as server, client_of(server, idle_timeout=None) as client:
        assert await data(client.events("/", int, until="[DONE]")) == SEEN


@pytest.mark.parametrize("until", [7, b"[DONE]", ["[DONE]"]])
async def test_an_end_that_is_neither_a_text_nor_a_function_is_refused_at_the_call(until: Any) -> None:
    async with StreamClient("http://127.0.0.1:9") as client:
        with pytest.raises(TypeError, match=r"^until=.*: it must be the data of the last event, or a function"):
            client.events("/", int, until=until)


async def test_a_union_of_text_with_another_type_is_refused_at_the_call() -> None:
    async with StreamClient("http://127.0.0.1:9") as client:
        with pytest.raises(TypeError, match="text is sent as it is, and everything else as JSON"):
            client.events("/", str | None)
