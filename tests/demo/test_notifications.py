"""Tests `/notifications` with a third party's parser."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from tests.demo.running import running_demo
from tests.demo.upstream import ENDING, HEAD, Upstream, chunk, refusal

PATIENCE = 20
ID = re.compile(r"[0-9a-f]{16}-\d+")


@asynccontextmanager
async def following(
    client: httpx.AsyncClient, after: str | None = None
) -> AsyncGenerator[AsyncGenerator[ServerSentEvent, None], None]:
    headers = {} if after is None else {"Last-Event-ID": after}
    async with asyncio.timeout(PATIENCE), aconnect_sse(client, "GET", "/notifications", headers=headers) as source:
        source.response.raise_for_status()
        async with aclosing(source.aiter_sse()) as events:
            yield events


async def next_of(events: AsyncGenerator[ServerSentEvent, None], name: str) -> ServerSentEvent:
    async for event in events:
        if event.event == name:
            return event
    raise AssertionError(f"the feed ended without an event {name}")


async def test_every_notification_has_a_name_an_id_a_text_and_a_time() -> None:
    async with running_demo() as client, following(client) as events:
        first, second = await anext(events), await anext(events)

    assert (first.event, second.event) == ("heartbeat", "heartbeat")
    assert ID.fullmatch(first.id)
    assert ID.fullmatch(second.id)
    assert first.id != second.id
    assert re.fullmatch(r"Process \d+ is up for \d+ s\.", first.json()["text"])
    assert abs((datetime.now(UTC) - datetime.fromisoformat(second.json()["at"])).total_seconds()) < 60


async def test_every_open_stream_receives_a_posted_notification() -> None:
    async with running_demo() as client, AsyncExitStack() as stack:
        listening = [await stack.enter_async_context(following(client)) for _ in range(5)]
        posted = [await client.post("/notifications", json={"text": text}) for text in ("one", "two")]
        for events in listening:
            received = [await next_of(events, "message") for _ in posted]
            assert [event.json()["text"] for event in received] == ["one", "two"]
            assert [event.id for event in received] == [answer.json()["id"] for answer in posted]

    assert [answer.status_code for answer in posted] == [201, 201]


@pytest.mark.parametrize("text", ["", " \n", "x" * 1_001, None, 7])
async def test_a_notification_without_a_text_is_refused_with_its_path(text: object) -> None:
    async with running_demo() as client:
        response = await client.post("/notifications", json={"text": text})

    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["json", "text"]


async def test_the_feed_reports_a_completed_answer() -> None:
    async with (
        Upstream(HEAD, chunk(content="Hello"), ENDING) as upstream,
        running_demo(upstream.service) as client,
        following(client) as events,
    ):
        await client.post("/questions", json={"text": "Who is there?"})
        assert (await next_of(events, "answer")).json()["text"].startswith("An answer completed after 1 chunks")


async def test_the_feed_reports_a_failed_answer() -> None:
    async with (
        Upstream(refusal(429)) as upstream,
        running_demo(upstream.service) as client,
        following(client) as events,
    ):
        await client.post("/questions", json={"text": "Who is there?"})
        assert (await next_of(events, "answer")).json()["text"].startswith("An answer failed after 0 chunks")


async def test_a_client_that_reconnects_receives_missed_events_once_and_in_order() -> None:
    async with running_demo() as client:
        async with following(client) as events:
            seen = [await anext(events) for _ in range(3)]
        async with following(client, after=seen[0].id) as events:
            again = [await anext(events) for _ in range(3)]

    assert [(event.id, event.data) for event in again[:2]] == [(event.id, event.data) for event in seen[1:]]
    assert again[2].id not in {event.id for event in seen}


@pytest.mark.parametrize("after", ["0123456789abcdef-7", "1700000000000-0"], ids=["earlier life", "Redis"])
async def test_a_client_of_an_earlier_feed_receives_a_gap(after: str) -> None:
    async with running_demo() as client, following(client, after=after) as events:
        gap, first = await anext(events), await anext(events)

    assert (gap.event, first.event) == ("gap", "heartbeat")
    assert gap.json() == {"after": after, "resumed_at": gap.id}


async def test_an_id_of_a_future_event_is_refused() -> None:
    async with running_demo() as client, following(client) as events:
        life, _, _ = (await anext(events)).id.partition("-")
        response = await client.get("/notifications", headers={"Last-Event-ID": f"{life}-999999"})

    assert (response.status_code, response.json()["type"]) == (400, "bad-request")


@pytest.mark.parametrize("foreign", ["7", "not-an-id", "0123456789abcdeg-1", "1-01"])
async def test_a_malformed_id_is_refused(foreign: str) -> None:
    async with running_demo() as client:
        response = await client.get("/notifications", headers={"Last-Event-ID": foreign})

    assert response.status_code == 400
    assert response.json()["errors"][0]["loc"] == ["headers", "last_event_id"]


async def test_an_empty_id_counts_as_no_id() -> None:
    async with running_demo() as client:
        async with following(client) as events:
            seen = [await anext(events) for _ in range(2)]
        async with following(client, after="") as events:
            assert (await anext(events)).id not in {event.id for event in seen}
