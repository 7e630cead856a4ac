"""An event stream over as many connections as it takes, from a server that says exactly the bytes of the test."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing

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
async def test_it_comes_back_with_the_last_id_until_there_is_no_more(script: type) -> None:
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


async def test_it_asks_for_an_event_stream_that_no_cache_has() -> None:
    async with RawServer(OVER) as server:
        assert await read(server) == []
    [request] = server.requests
    assert request.line == "GET /events HTTP/1.1"
    assert request.headers["accept"] == "text/event-stream"
    assert request.headers["cache-control"] == "no-cache"


async def test_an_empty_id_resets_it() -> None:
    async with RawServer(events(b"id: 1\ndata: a\n\n"), events(b"id:\ndata: b\n\n"), OVER) as server:
        assert data(await read(server)) == ["a", "b"]
    assert server.last_event_ids == [None, "1", None]


async def test_an_id_is_kept_over_connections_that_bring_none() -> None:
    async with RawServer(events(b"id: 1\ndata: a\n\n"), silence, events(b"data: b\n\n"), OVER) as server:
        assert [event.id for event in await read(server)] == ["1", "1"]
    assert server.last_event_ids == [None, "1", "1", "1"]


async def test_it_may_begin_where_another_ended() -> None:
    async with RawServer(silence, events(b"id: 8\ndata: a\n\n"), OVER) as server:
        await read(server, last_event_id="7")
    assert server.last_event_ids == ["7", "7", "8"]


async def test_where_it_began_may_be_reset_as_well() -> None:
    async with RawServer(events(b"data: a\n\n"), events(b"id\ndata: b\n\n"), OVER) as server:
        assert [event.id for event in await read(server, last_event_id="7")] == ["7", ""]
    assert server.last_event_ids == ["7", "7", None]


async def test_an_id_may_be_any_text() -> None:
    async with RawServer(events("id:  é🎬 \ndata: a\n\n".encode()), OVER) as server:
        [event] = await read(server)
    assert event.id == " é🎬 "
    assert server.requests[1].headers.get_list("last-event-id") == ["é🎬"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_status_that_may_pass_is_another_try(status: int) -> None:
    waits = Waits()
    async with RawServer(answer(status), answer(status, "Retry-After: 7"), events(b"data: a\n\n"), OVER) as server:
        assert data(await read(server, waits=waits)) == ["a"]
    assert waits == [1, 7, 1]


@pytest.mark.parametrize("status", [201, 206, 301, 400, 401, 404, 410, 500, 501])
async def test_another_status_is_raised_at_once(status: int) -> None:
    async with RawServer(answer(status, "Content-Type: text/event-stream", body=b"data: a\n\n")) as server:
        with pytest.raises(RequestRefused) as raised:
            await read(server)
    assert raised.value.response.status_code == status


async def test_a_refusal_has_the_servers_problem() -> None:
    body = msgspec.json.encode(Conflict("Taken.").problem())
    async with RawServer(answer(409, "Content-Type: application/problem+json", body=body)) as server:
        with pytest.raises(RequestRefused, match=r"/events was answered with 409: Taken\.") as raised:
            await read(server)
    assert raised.value.problem == Conflict("Taken.").problem()


@pytest.mark.parametrize("header", ["Content-Type: text/html; charset=utf-8", "X-Content-Type: text/event-stream"])
async def test_another_media_type_is_raised_at_once(header: str) -> None:
    async with RawServer(answer(200, header, body=b"data: a\n\n")) as server:
        with pytest.raises(httpx.DecodingError, match="not text/event-stream"):
            await read(server)


async def test_a_media_type_has_parameters_and_any_case() -> None:
    text = answer(200, "Content-Type: Text/Event-Stream;charset=UTF-8", body=b"data: a\n\n")
    async with RawServer(text, OVER) as server:
        assert data(await read(server)) == ["a"]


async def test_failures_in_a_row_are_waited_for_longer_and_raised_in_the_end() -> None:
    waits = Waits()
    async with RawServer(*[silence] * 5) as server:
        with pytest.raises(httpx.RemoteProtocolError) as raised:
            await read(server, waits=waits, reconnection=Reconnection(jitter=0, attempts=5, longest_delay=3))
    assert waits == [1, 2, 3, 3]
    assert raised.value.__notes__ == ["5 attempts in a row have failed."]


async def test_the_last_of_the_errors_is_raised() -> None:
    body = msgspec.json.encode(ServiceUnavailable("Later.").problem())
    async with RawServer(silence, answer(503, body=body)) as server:
        with pytest.raises(RequestRefused, match=r"503: Later\."):
            await read(server, reconnection=Reconnection(attempts=2))


async def test_a_byte_ends_the_row_of_failures() -> None:
    waits = Waits()
    async with RawServer(silence, silence, cut_events(b":\n"), silence, silence, OVER) as server:
        assert await read(server, waits=waits, reconnection=Reconnection(jitter=0, attempts=3)) == []
    assert waits == [1, 2, 1, 1, 2]


async def test_a_proper_end_without_a_byte_is_no_failure() -> None:
    async with RawServer(silence, *[events()] * 3, silence, OVER) as server:
        assert await read(server, reconnection=Reconnection(attempts=2)) == []


async def test_headers_alone_do_not_end_the_row_of_failures() -> None:
    async with RawServer(cut_events(), cut_events()) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await read(server, reconnection=Reconnection(attempts=2))


async def test_the_attempts_may_be_without_number() -> None:
    async with RawServer(*[silence] * 30, OVER) as server:
        assert await read(server, reconnection=Reconnection(attempts=None)) == []


async def test_nobody_listening_is_a_failure_like_others() -> None:
    waits = Waits()
    async with RawServer() as server:
        pass
    with pytest.raises(httpx.ConnectError):
        await read(server, waits=waits, reconnection=Reconnection(attempts=3))
    assert len(waits) == 2


async def test_what_it_waits_is_spread_by_chance() -> None:
    waits = Waits()
    async with RawServer(*[events()] * 20, OVER) as server:
        await read(server, waits=waits, reconnection=Reconnection(delay=2, jitter=0.5))
    assert len(set(waits)) == len(waits) == 20
    assert all(2 <= seconds <= 3 for seconds in waits)


async def test_a_stream_that_stalls_is_connected_to_again() -> None:
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


async def test_the_last_stall_says_how_long_it_was() -> None:
    async with (
        RawServer(Peer.client_has_left) as server,
        client_of(server, Waits(), reconnection=Reconnection(attempts=1), idle_timeout=0.05) as client,
    ):
        with pytest.raises(httpx.ReadTimeout, match=r"^Nothing came for 0\.05 seconds\.$"):
            await anext(client.sse("/events", str))


async def test_pings_keep_a_stream_from_having_stalled() -> None:
    async def pinging(peer: Peer) -> None:
        await peer.send(EVENTS)
        for _ in range(20):
            await asyncio.sleep(0.02)
            await peer.chunks(b": ping\n\n")
        await peer.chunks(b"data: a\n\n")
        await peer.end()

    async with RawServer(pinging, OVER) as server, client_of(server, Waits(), idle_timeout=0.2) as client:
        assert [event.data async for event in client.sse("/events", str)] == ["a"]


async def test_a_failure_that_the_server_tells_of_is_raised_after_the_events_before_it() -> None:
    problem = msgspec.json.encode(Conflict("taken").problem())
    script = events(b"data: a\n\ndata: b\n\nevent: error\ndata: " + problem + b"\n\n")
    async with RawServer(script) as server, client_of(server, Waits()) as client:
        stream = client.sse("/events", str)
        assert [(await anext(stream)).data, (await anext(stream)).data] == ["a", "b"]
        with pytest.raises(StreamFailed, match="taken"):
            await anext(stream)


async def test_data_of_another_type_is_raised() -> None:
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


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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


async def test_each_byte_may_be_a_chunk_of_its_own() -> None:
    async with RawServer(events(*(STREAM[at : at + 1] for at in range(len(STREAM)))), OVER) as server:
        assert data(await read(server)) == ["é🎬\nb", "c", "d", "🎬"]


async def test_why_it_comes_back_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jero.client")
    async with RawServer(events(b"data: a\n\n"), silence, OVER) as server:
        await read(server)
    ended, broken = [record.getMessage() for record in caplog.records if record.name == "jero.client"]
    assert ended == "/events: connecting again in 1.0 s: the stream ended"
    assert broken.startswith("/events: connecting again in 1.0 s: RemoteProtocolError(")


async def test_leaving_while_it_waits_makes_no_further_attempt() -> None:
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


async def test_a_want_of_connections_on_this_side_is_no_fault_that_passes() -> None:
    shared = httpx.AsyncClient(
        limits=httpx.Limits(max_connections=1), timeout=httpx.Timeout(5, pool=0.01), trust_env=False
    )
    async with (
        RawServer(until_the_client_leaves) as server,
        shared,
        aclosing(StreamClient(client=shared, sleep=never).sse(f"{server.url}/events", str)) as first,
    ):
        await anext(first)
        with pytest.raises(httpx.PoolTimeout):
            await anext(StreamClient(client=shared, sleep=never).sse(f"{server.url}/events", str))


async def until_the_client_leaves(peer: Peer) -> None:
    await peer.send(EVENTS)
    await peer.chunks(b"data: a\n\n")
    await peer.client_has_left()


async def never(seconds: float) -> None:
    raise AssertionError(f"waits for {seconds} s")
