"""`GET /notifications`, read by a third party's parser."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from demo_app.notifications import NotificationFeed
from jero import BadRequest
from tests.demo.running import running_demo
from tests.demo.upstream import ENDING, HEAD, Upstream, chunk, refusal

ID = re.compile(r"[0-9a-f]{8}-\d+")


@asynccontextmanager
async def following(
    client: httpx.AsyncClient, after: str | None = None
) -> AsyncGenerator[AsyncGenerator[ServerSentEvent, None], None]:
    headers = {} if after is None else {"Last-Event-ID": after}
    async with aconnect_sse(client, "GET", "/notifications", headers=headers) as source:
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
    assert first.json()["text"].startswith("Up for ")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(second.json()["at"])).total_seconds()) < 60


async def test_the_feed_tells_how_each_answer_ended() -> None:
    async with (
        Upstream(HEAD, chunk(content="Hello"), ENDING) as upstream,
        running_demo(upstream.service) as client,
        following(client) as events,
    ):
        await client.post("/questions", json={"text": "Who is there?"})
        assert (await next_of(events, "answer")).json()["text"].startswith("An answer completed after 1 chunks")


async def test_the_feed_tells_of_an_answer_that_failed() -> None:
    async with (
        Upstream(refusal(429)) as upstream,
        running_demo(upstream.service) as client,
        following(client) as events,
    ):
        await client.post("/questions", json={"text": "Who is there?"})
        assert (await next_of(events, "answer")).json()["text"].startswith("An answer failed after 0 chunks")


async def test_a_client_that_comes_back_is_sent_what_it_missed_once_and_in_order() -> None:
    async with running_demo() as client:
        async with following(client) as events:
            seen = [await anext(events) for _ in range(3)]
        async with following(client, after=seen[0].id) as events:
            again = [await anext(events) for _ in range(3)]

    assert [(event.id, event.data) for event in again[:2]] == [(event.id, event.data) for event in seen[1:]]
    assert again[2].id not in {event.id for event in seen}


async def test_a_position_of_an_earlier_life_is_a_gap() -> None:
    async with running_demo() as client, following(client) as events:
        earlier = await anext(events)
    async with running_demo() as client, following(client, after=earlier.id) as events:
        gap, after = await anext(events), await anext(events)

    assert (gap.event, after.event) == ("gap", "heartbeat")
    assert ID.fullmatch(gap.id)


@pytest.mark.parametrize("foreign", ["7", "not-an-id", "1234567g-1"])
async def test_an_id_that_is_none_of_the_feed_is_refused(foreign: str) -> None:
    async with running_demo() as client:
        response = await client.get("/notifications", headers={"Last-Event-ID": foreign})

    assert response.status_code == 400
    assert response.json()["errors"][0]["loc"] == ["headers", "last_event_id"]


async def test_an_empty_id_is_none() -> None:
    async with running_demo() as client:
        async with following(client) as events:
            seen = [await anext(events) for _ in range(2)]
        async with following(client, after="") as events:
            assert (await anext(events)).id not in {event.id for event in seen}


async def test_a_reader_that_falls_behind_what_is_kept_is_told_and_goes_on_from_the_oldest() -> None:
    feed = NotificationFeed(history=2)
    feed.publish("answer", "0")
    readings = feed.subscribe(after=None)
    feed.publish("answer", "1")
    first = await anext(readings)
    for number in range(2, 6):
        feed.publish("answer", str(number))
    gap, fourth, fifth = [await anext(readings) for _ in range(3)]

    assert [event.event for event in (first, gap, fourth, fifth)] == ["answer", "gap", "answer", "answer"]
    assert gap.id is not None
    resumed = feed.subscribe(after=gap.id)
    assert [await anext(resumed), await anext(resumed)] == [fourth, fifth]


def test_a_position_that_the_feed_has_not_reached_is_refused() -> None:
    feed = NotificationFeed()
    with pytest.raises(BadRequest):
        feed.subscribe(after=f"{feed.life}-1")
