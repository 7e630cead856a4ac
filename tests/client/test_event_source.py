"""The event source and its reconnection, against a server that sends exactly the bytes of the test."""

import asyncio
import gzip
import logging
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jero import Conflict, ServerSentEvent, ServiceUnavailable, StreamFailed
from jero.client import Reconnection, RequestRefused, StreamClient
from tests.client.cuts import chunks
from tests.client.raw_server import EVENTS, Peer, RawServer, answer, cut_events, events, silence
from tests.client.waits import Waits

EVENLY = Reconnection(jitter=0)
OVER = answer(204)
STALLED_AFTER = 0.05


def client_of(
    server: RawServer, waits: Waits, *, reconnection: Reconnection = EVENLY, idle_timeout: float | None = 10
) -> StreamClient:
    return StreamClient(server.url, sleep=waits, reconnection=reconnection, idle_timeout=idle_timeout, trust_env=False)


async def read(
    server: RawServer,
    *,
    waits: Waits | None = None,
    reconnection: Reconnection = EVENLY,
    last_event_id: str | None = None,
) -> list[ServerSentEvent[str]]:
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    async with client_of(server, Waits() if waits is None else waits, reconnection=reconnection) as client:
        return [event async for event in client.sse("/events", str, headers=headers)]


def data(events: Sequence[ServerSentEvent[str]]) -> list[object]:
    return [event.data for event in events]


@pytest.mark.parametrize("script", [events, cut_events], ids=["ended", "cut"])
async def test_the_source_reconnects_with_the_last_id_until_a_204(script: type) -> None:
    waits = Waits()
    first = script(b"retry: 250\nid: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: cut off\n")
    async with RawServer(first, script(b"id: 7\ndata: c\n\n"), OVER) as server:
        found = await read(server, waits=waits)
    assert found == [
        ServerSentEvent(data="a", id="1"),
        ServerSentEvent(data="b", id="2"),
        ServerSentEvent(data="c", id="7"),
    ]
    assert server.last_event_ids == [None, "2", "7"]
    assert waits == [0.25, 0.25]


async def test_the_request_accepts_an_event_stream_past_caches() -> None:
    async with RawServer(OVER) as server:
        assert await read(server) == []
    [request] = server.requests
    assert request.line == "GET /events HTTP/1.1"
    assert request.headers["accept"] == "text/event-stream"
    assert request.headers["cache-control"] == "no-cache"


async def test_an_empty_id_resets_the_last_id() -> None:
    async with RawServer(events(b"id: 1\ndata: a\n\n"), events(b"id:\ndata: b\n\n"), OVER) as server:
        assert data(await read(server)) == ["a", "b"]
    assert server.last_event_ids == [None, "1", None]


async def test_the_last_id_is_kept_over_connections_without_ids() -> None:
    async with RawServer(events(b"id: 1\ndata: a\n\n"), silence, events(b"data: b\n\n"), OVER) as server:
        assert [event.id for event in await read(server)] == ["1", "1"]
    assert server.last_event_ids == [None, "1", "1", "1"]


async def test_the_source_resumes_after_a_given_id() -> None:
    async with RawServer(silence, events(b"id: 8\ndata: a\n\n"), OVER) as server:
        await read(server, last_event_id="7")
    assert server.last_event_ids == ["7", "7", "8"]


async def test_an_empty_id_resets_a_given_id() -> None:
    async with RawServer(events(b"data: a\n\n"), events(b"id\ndata: b\n\n"), OVER) as server:
        assert [event.id for event in await read(server, last_event_id="7")] == ["7", ""]
    assert server.last_event_ids == ["7", "7", None]


@pytest.mark.parametrize(
    "given", [{"Last-Event-ID": "Zürich-1"}, [("last-event-id", "Zürich-1")], {b"Last-Event-ID": "Zürich-1".encode()}]
)
async def test_a_given_id_is_sent_in_utf_8(given: Any) -> None:
    resumed = events("data: a\n\nid: à\ndata: b\n\n".encode())
    async with RawServer(silence, resumed, OVER) as server, client_of(server, Waits()) as client:
        found = [event async for event in client.sse("/events", str, headers=given)]
    assert [event.id for event in found] == ["Zürich-1", "à"]
    sent = [dict(request.headers.raw)[b"Last-Event-ID"] for request in server.requests]
    assert sent == ["Zürich-1".encode(), "Zürich-1".encode(), "à".encode()]


async def test_an_id_that_cannot_be_sent_back_is_raised_with_a_sentence() -> None:
    async with RawServer(events(b"id: a\x01\ndata: a\n\n")) as server:
        with pytest.raises(
            httpx.LocalProtocolError, match=r"^The stream cannot be resumed: the id of its last event, "
        ):
            await read(server)


async def test_an_id_can_be_any_text() -> None:
    async with RawServer(events("id:  é🎬 \ndata: a\n\n".encode()), OVER) as server:
        [event] = await read(server)
    assert event.id == " é🎬 "
    assert server.requests[1].headers.get_list("last-event-id") == ["é🎬"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_retryable_status_is_retried(status: int) -> None:
    waits = Waits()
    async with RawServer(answer(status), answer(status, "Retry-After: 7"), events(b"data: a\n\n"), OVER) as server:
        assert data(await read(server, waits=waits)) == ["a"]
    assert waits == [1, 7, 1]


@pytest.mark.parametrize("status", [201, 206, 301, 400, 401, 404, 410, 500, 501])
async def test_any_other_status_is_raised_at_once(status: int) -> None:
    async with RawServer(answer(status, "Content-Type: text/event-stream", body=b"data: a\n\n")) as server:
        with pytest.raises(RequestRefused) as raised:
            await read(server)
    assert raised.value.response.status_code == status


async def test_a_refusal_carries_the_problem_of_the_server() -> None:
    body = msgspec.json.encode(Conflict("Taken.").problem())
    async with RawServer(answer(409, "Content-Type: application/problem+json", body=body)) as server:
        with pytest.raises(RequestRefused, match=r"/events was answered with 409: Taken\.") as raised:
            await read(server)
    assert raised.value.problem == Conflict("Taken.").problem()


@pytest.mark.parametrize("header", ["Content-Type: text/html; charset=utf-8", "X-Content-Type: text/event-stream"])
async def test_another_media_type_is_raised_at_once(header: str) -> None:
    async with RawServer(answer(200, header, body=b"data: a\n\n")) as server:
        with pytest.raises(httpx.DecodingError, match="not text/event-stream") as raised:
            await read(server)
    assert raised.value.__notes__ == ["The body begins with: data: a\n\n"]


async def test_a_media_type_may_have_parameters_and_upper_case() -> None:
    text = answer(200, "Content-Type: Text/Event-Stream;charset=UTF-8", body=b"data: a\n\n")
    async with RawServer(text, OVER) as server:
        assert data(await read(server)) == ["a"]


async def test_failures_in_a_row_lengthen_the_wait_until_the_error_is_raised() -> None:
    waits = Waits()
    async with RawServer(*[silence] * 5) as server:
        with pytest.raises(httpx.RemoteProtocolError) as raised:
            await read(server, waits=waits, reconnection=Reconnection(jitter=0, attempts=5, longest_delay=3))
    assert waits == [1, 2, 3, 3]
    assert raised.value.__notes__ == ["5 attempts in a row have failed."]


async def test_the_last_error_is_raised() -> None:
    body = msgspec.json.encode(ServiceUnavailable("Later.").problem())
    async with RawServer(silence, answer(503, body=body)) as server:
        with pytest.raises(RequestRefused, match=r"503: Later\."):
            await read(server, reconnection=Reconnection(attempts=2))


async def test_a_byte_of_the_body_ends_the_row_of_failures() -> None:
    waits = Waits()
    async with RawServer(silence, silence, cut_events(b":\n"), silence, silence, OVER) as server:
        assert await read(server, waits=waits, reconnection=Reconnection(jitter=0, attempts=3)) == []
    assert waits == [1, 2, 1, 1, 2]


async def test_empty_streams_in_a_row_count_as_failures() -> None:
    waits = Waits()
    async with RawServer(*[events()] * 4) as server:
        with pytest.raises(httpx.RemoteProtocolError, match=r"^The event stream ended without a byte\."):
            await read(server, waits=waits, reconnection=Reconnection(jitter=0, attempts=4))
    assert waits == [1, 2, 4]


async def test_an_empty_compressed_stream_counts_as_a_failure() -> None:
    empty = answer(200, "Content-Type: text/event-stream", "Content-Encoding: gzip", body=gzip.compress(b""))
    async with RawServer(empty, empty) as server:
        with pytest.raises(httpx.RemoteProtocolError, match="ended without a byte"):
            await read(server, reconnection=Reconnection(attempts=2))


async def test_a_stream_of_pings_alone_is_not_a_failure() -> None:
    waits = Waits()
    async with RawServer(*[events(b": ping\n\n")] * 20, OVER) as server:
        assert await read(server, waits=waits, reconnection=Reconnection(jitter=0, attempts=2)) == []
    assert waits == [1] * 20


async def test_the_server_cannot_set_a_time_without_bounds() -> None:
    waits = Waits()
    scripts = [
        events(b"retry: 0\ndata: a\n\n"),
        events(b"retry: 999999999999999\ndata: b\n\n"),
        events(b"retry: " + b"9" * 5_000 + b"\ndata: c\n\n"),
        events(b"retry: 0000000000000000000000250\ndata: d\n\n"),
        *(
            answer(503, f"Retry-After: {value}")
            for value in (
                "0",
                "-1",
                "9" * 15,
                "9" * 99,
                "Fri, 31 Dec 9999 23:59:59 GMT",
                "Fri, 31 Dec 9999 23:59:59 -2359",
            )
        ),
        OVER,
    ]
    async with RawServer(*scripts) as server:
        assert data(await read(server, waits=waits)) == ["a", "b", "c", "d"]
    assert waits[:4] == [0.1, 300, 300, 0.25]
    assert waits[4:6] == [0.25, 0.5]
    assert waits[6] == waits[8] == 300
    assert all(0.1 <= seconds <= 300 for seconds in waits)


async def test_the_longest_wait_can_be_set() -> None:
    waits = Waits()
    async with RawServer(events(b"retry: 60000\ndata: a\n\n"), answer(503, "Retry-After: 60"), OVER) as server:
        await read(server, waits=waits, reconnection=Reconnection(jitter=0.5, longest_wait=5))
    assert all(5 <= seconds <= 5 for seconds in waits)


async def test_headers_alone_do_not_end_the_row_of_failures() -> None:
    async with RawServer(cut_events(), cut_events()) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await read(server, reconnection=Reconnection(attempts=2))


async def test_attempts_none_retries_without_limit() -> None:
    async with RawServer(*[silence] * 30, OVER) as server:
        assert await read(server, reconnection=Reconnection(attempts=None)) == []


async def test_a_refused_connection_counts_as_a_failure() -> None:
    waits = Waits()
    async with RawServer() as server:
        pass
    with pytest.raises(httpx.ConnectError):
        await read(server, waits=waits, reconnection=Reconnection(attempts=3))
    assert len(waits) == 2


async def test_the_waits_are_spread_at_random() -> None:
    waits = Waits()
    async with RawServer(*[events(b":\n")] * 20, OVER) as server:
        await read(server, waits=waits, reconnection=Reconnection(delay=2, jitter=0.5))
    assert len(set(waits)) == len(waits) == 20
    assert all(2 <= seconds <= 3 for seconds in waits)


async def test_a_stalled_stream_is_reconnected() -> None:
    async def stalled(peer: Peer) -> None:
        await peer.send(EVENTS)
        await peer.chunks(b"id: 1\ndata: a\n\n")
        await peer.client_has_left()

    async def stalled_at_once(peer: Peer) -> None:
        await peer.client_has_left()

    waits = Waits()
    async with (
        RawServer(stalled, stalled_at_once, OVER) as server,
        client_of(server, waits, idle_timeout=STALLED_AFTER) as client,
    ):
        assert [event.data async for event in client.sse("/events", str)] == ["a"]
    assert server.last_event_ids == [None, "1", "1"]
    assert waits == [1, 1]


async def test_the_error_of_a_stall_names_the_seconds() -> None:
    async with (
        RawServer(Peer.client_has_left) as server,
        client_of(server, Waits(), reconnection=Reconnection(attempts=1), idle_timeout=0.05) as client,
    ):
        with pytest.raises(
            httpx.ReadTimeout,
            match=r"^No bytes arrived for 0\.05 seconds: have the server send pings, or set a longer timeout\.$",
        ):
            await anext(client.sse("/events", str))


async def test_pings_keep_a_stream_from_stalling() -> None:
    async def pinging(peer: Peer) -> None:
        await peer.send(EVENTS)
        for _ in range(12):
            await asyncio.sleep(0.1)
            await peer.chunks(b": ping\n\n")
        await peer.chunks(b"data: a\n\n")
        await peer.end()

    async with RawServer(pinging, OVER) as server, client_of(server, Waits(), idle_timeout=1.0) as client:
        assert [event.data async for event in client.sse("/events", str)] == ["a"]


async def test_a_failure_that_the_server_reports_is_raised_after_the_events_before_it() -> None:
    problem = msgspec.json.encode(Conflict("taken").problem())
    script = events(b"data: a\n\ndata: b\n\nevent: error\ndata: " + problem + b"\n\n")
    async with RawServer(script) as server, client_of(server, Waits()) as client:
        stream = client.sse("/events", str)
        assert [(await anext(stream)).data, (await anext(stream)).data] == ["a", "b"]
        with pytest.raises(StreamFailed, match="taken"):
            await anext(stream)


async def test_data_of_another_type_raises_a_decode_error() -> None:
    async with (
        RawServer(events(b"data: 1\n\ndata: x\n\n")) as server,
        client_of(server, Waits()) as client,
        aclosing(client.sse("/events", int)) as numbers,
    ):
        assert (await anext(numbers)).data == 1
        with pytest.raises(msgspec.DecodeError):
            await anext(numbers)


STREAM = (
    "\ufeffid: 1\r\ndata: é🎬\r\ndata: b\r\n\r\ndata: c\r\rdata: d\n\n: ping\n\nevent: e\r\ndata: 🎬\n\r\n".encode()
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(pieces=chunks(st.just(STREAM)))
def test_the_events_are_the_same_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    async def found() -> list[ServerSentEvent[str]]:
        async with RawServer(events(*pieces), OVER) as server:
            return await read(server)

    assert asyncio.run(found()) == [
        ServerSentEvent(data="é🎬\nb", id="1"),
        ServerSentEvent(data="c", id="1"),
        ServerSentEvent(data="d", id="1"),
        ServerSentEvent(data="🎬", event="e", id="1"),
    ]


async def test_a_stream_may_arrive_byte_by_byte() -> None:
    async with RawServer(events(*(STREAM[at : at + 1] for at in range(len(STREAM)))), OVER) as server:
        assert data(await read(server)) == ["é🎬\nb", "c", "d", "🎬"]


async def test_the_reason_of_a_reconnection_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jero.client")
    async with RawServer(events(b"data: a\n\n"), silence, OVER) as server:
        await read(server)
    ended, broken = [record.getMessage() for record in caplog.records if record.name == "jero.client"]
    assert ended == "/events: reconnecting in 1.0 s: the stream ended"
    assert broken.startswith("/events: reconnecting in 1.0 s: RemoteProtocolError(")


async def test_cancelling_the_wait_prevents_a_further_attempt() -> None:
    is_waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        is_waiting.set()
        await asyncio.get_running_loop().create_future()

    async with RawServer(silence) as server, StreamClient(server.url, sleep=sleep, trust_env=False) as client:
        reading = asyncio.create_task(anext(client.sse("/events", str)))
        await is_waiting.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert len(server.requests) == 1


async def test_a_pool_timeout_is_raised_at_once() -> None:
    shared = httpx.AsyncClient(
        limits=httpx.Limits(max_connections=1), timeout=httpx.Timeout(5, pool=0.01), trust_env=False
    )
    async with (
        RawServer(one_event_until_the_client_leaves) as server,
        shared,
        aclosing(StreamClient(client=shared, sleep=never).sse(f"{server.url}/events", str)) as first,
    ):
        await anext(first)
        with pytest.raises(httpx.PoolTimeout):
            await anext(StreamClient(client=shared, sleep=never).sse(f"{server.url}/events", str))


async def one_event_until_the_client_leaves(peer: Peer) -> None:
    await peer.send(EVENTS)
    await peer.chunks(b"data: a\n\n")
    await peer.client_has_left()


async def never(seconds: float) -> None:
    raise AssertionError(f"The source waits for {seconds} s.")
