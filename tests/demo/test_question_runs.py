"""Tests that an answer is a run: it outlives its client, is followed again, and is stopped."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse
from prometheus_client.parser import text_string_to_metric_families

from tests.demo.running import running_demo
from tests.demo.upstream import ENDING, HEAD, ROLE, Upstream, chunk, never_pause, refusal, stay

QUESTION = {"text": "What is a stream?"}
AT_ONCE = {"Prefer": "respond-async"}
HELLO = chunk(content="Hello")
WORLD = chunk(content=" world")
LINES = '{"text":"Hello"}\n{"text":" world"}\n'


async def start(client: httpx.AsyncClient) -> str:
    """Asks, and returns the address of the answer."""
    answer = await client.post("/questions", json=QUESTION, headers=AT_ONCE)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/questions/{answer.json()['id']}"
    return str(answer.headers["location"])


@asynccontextmanager
async def following(
    client: httpx.AsyncClient, address: str, after: str = ""
) -> AsyncGenerator[AsyncGenerator[ServerSentEvent, None], None]:
    headers = {"Last-Event-ID": after}
    async with asyncio.timeout(20), aconnect_sse(client, "GET", address, headers=headers) as source:
        source.response.raise_for_status()
        async with aclosing(source.aiter_sse()) as events:
            yield events


async def events_of(client: httpx.AsyncClient, address: str, after: str = "") -> list[tuple[str, str, str]]:
    """Returns the id, the name and the data of each event, up to the end of the stream."""
    async with following(client, address, after) as events:
        return [(event.id, event.event, event.data) async for event in events]


async def streams_that_ended(client: httpx.AsyncClient, reason: str) -> float:
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    samples = [sample for family in families for sample in family.samples if sample.name == "demo_streams_total"]
    labels = {"endpoint": "QuestionsEndpoint", "outcome": reason}
    return sum(sample.value for sample in samples if sample.labels == labels)


async def test_an_answer_goes_on_when_its_client_leaves() -> None:
    has_left = asyncio.Event()

    async def go_on(writer: asyncio.StreamWriter) -> None:
        await has_left.wait()
        writer.write(WORLD + ENDING)
        await writer.drain()

    async with Upstream(HEAD, HELLO, then=go_on) as upstream, running_demo(upstream.service) as client:
        async with client.stream("POST", "/questions", json=QUESTION) as response:
            assert await anext(response.aiter_lines()) == '{"text":"Hello"}'
            address = response.headers["location"]
        async with asyncio.timeout(5):
            while not await streams_that_ended(client, "disconnected"):
                pass
        has_left.set()
        answer = await client.get(address)

    assert answer.text == LINES
    assert not upstream.left.is_set()


@pytest.mark.parametrize(
    ("said", "then"),
    [((), stay), ((HEAD, ROLE), stay), ((HEAD, ROLE, HELLO), stay), ((HEAD, HELLO), never_pause)],
    ids=["nothing", "no words", "a word", "words"],
)
async def test_the_upstream_request_ends_when_the_answer_is_stopped(
    said: tuple[bytes, ...], then: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> None:
    async with Upstream(*said, then=then) as upstream, running_demo(upstream.service) as client:
        address = await start(client)
        async with asyncio.timeout(5):
            await upstream.answered.wait()
            stopped = await client.delete(address)
            await upstream.left.wait()
        events = await events_of(client, address)
        again = await client.delete(address)

    assert (stopped.status_code, again.status_code) == (204, 204)
    assert events[-1][1:] == ("end", '{"outcome":"stopped"}')


async def test_a_client_that_waits_for_the_first_word_of_a_stopped_answer_is_told() -> None:
    async with Upstream(HEAD, then=stay) as upstream, running_demo(upstream.service) as client:
        key = {"Idempotency-Key": "a"}
        waiting = asyncio.create_task(client.post("/questions", json=QUESTION, headers=key))
        started = await client.post("/questions", json=QUESTION, headers={**key, **AT_ONCE})
        await client.delete(started.headers["location"])
        answer = await waiting

    assert (answer.status_code, answer.json()["type"]) == (410, "gone")


@pytest.mark.parametrize("accept", ["*/*", "application/x-ndjson", "application/json", "text/event-stream"])
async def test_an_answer_is_followed_again_in_any_format(accept: str) -> None:
    async with Upstream(HEAD, HELLO, WORLD, ENDING) as upstream, running_demo(upstream.service) as client:
        address = await start(client)
        answers = [await client.get(address, headers={"Accept": accept}) for _ in range(2)]

    assert len(upstream.requests) == 1
    bodies = {
        "application/x-ndjson": LINES,
        "application/json": '[{"text":"Hello"},{"text":" world"}]',
        "text/event-stream": 'id: 0-1\ndata: {"text":"Hello"}\n\nid: 0-2\ndata: {"text":" world"}\n\n'
        'event: end\nid: 0-3\ndata: {"outcome":"completed"}\n\n',
    }
    assert [answer.text for answer in answers] == [bodies.get(accept, LINES)] * 2


async def test_a_client_continues_after_the_last_word_that_it_received() -> None:
    async with Upstream(HEAD, HELLO, WORLD, ENDING) as upstream, running_demo(upstream.service) as client:
        address = await start(client)
        whole = await events_of(client, address)
        parts = [await events_of(client, address, event_id) for event_id, _, _ in whole[:-1]]
        over = await client.get(address, headers={"Accept": "text/event-stream", "Last-Event-ID": whole[-1][0]})
        future = await client.get(address, headers={"Last-Event-ID": "0-4"})

    assert [event for _, event, _ in whole] == ["message", "message", "end"]
    assert parts == [whole[1:], whole[2:]]
    assert over.status_code == 204
    assert (future.status_code, future.json()["type"]) == (400, "bad-request")


async def test_an_unknown_answer_is_not_found() -> None:
    async with running_demo() as client:
        answers = [await client.request(method, "/questions/AAAAAAAAAAAAAAAAAAAAAA") for method in ("GET", "DELETE")]

    assert [answer.status_code for answer in answers] == [404, 404]


async def test_a_request_that_is_repeated_with_its_key_asks_once() -> None:
    async with Upstream(HEAD, HELLO, WORLD, ENDING) as upstream, running_demo(upstream.service) as client:
        answers = [await client.post("/questions", json=QUESTION, headers={"Idempotency-Key": "one"}) for _ in range(3)]
        other = await client.post("/questions", json=QUESTION, headers={"Idempotency-Key": "another"})

    assert [answer.text for answer in answers] == [LINES] * 3
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert other.headers["location"] != answers[0].headers["location"]
    assert len(upstream.requests) == 2


async def test_a_key_of_another_question_is_refused() -> None:
    async with Upstream(HEAD, ENDING) as upstream, running_demo(upstream.service) as client:
        headers = {"Idempotency-Key": "one"}
        await client.post("/questions", json=QUESTION, headers=headers)
        refused = await client.post("/questions", json={"text": "What else?"}, headers=headers)

    assert (refused.status_code, refused.json()["type"]) == (422, "unprocessable-content")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("prefer", "status"),
    [("respond-async", 202), ("wait=10, Respond-Async", 202), ("respond-async; a=1", 202), ("wait=10", 200), ("", 200)],
)
async def test_a_client_may_prefer_to_be_answered_at_once(prefer: str, status: int) -> None:
    async with Upstream(HEAD, HELLO, ENDING) as upstream, running_demo(upstream.service) as client:
        answer = await client.post("/questions", json=QUESTION, headers={"Prefer": prefer})

    assert answer.status_code == status


async def test_an_answer_that_failed_is_told_to_each_follower() -> None:
    answer = refusal(429, headers={"Retry-After": "7"})
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        address = await start(client)
        ((_, name, data),) = await events_of(client, address)
        refused = await client.get(address)

    end = json.loads(data)
    assert (name, end["outcome"], end["headers"]) == ("end", "failed", {"Retry-After": "7"})
    assert (end["problem"]["type"], end["problem"]["status"]) == ("upstream-rate-limited", 429)
    assert (refused.status_code, refused.headers["retry-after"], refused.json()) == (429, "7", end["problem"])


async def test_an_answer_that_fails_after_its_first_word_is_told_as_an_event_or_cut() -> None:
    async with Upstream(HEAD, HELLO) as upstream, running_demo(upstream.service) as client:
        address = await start(client)
        word, end = await events_of(client, address)
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(address)

    assert word == ("0-1", "message", '{"text":"Hello"}')
    assert json.loads(end[2])["problem"]["type"] == "upstream-failed"


async def test_the_feed_reports_a_stopped_answer_once_whoever_follows() -> None:
    async with (
        Upstream(HEAD, HELLO, then=stay) as upstream,
        running_demo(upstream.service) as client,
        following(client, "/notifications") as feed,
    ):
        address = await start(client)
        async with following(client, address) as one, following(client, address) as two:
            assert (await anext(one)).data == (await anext(two)).data
            await client.delete(address)
            assert (await anext(one)).event == "end"
        marker = await client.post("/notifications", json={"text": "that is all"})
        texts = [event.json()["text"] async for event in until(marker.json()["id"], feed) if event.event == "answer"]

    assert len(texts) == 1
    assert texts[0].startswith("An answer stopped after 1 chunks")


async def until(last: str, events: AsyncGenerator[ServerSentEvent, None]) -> AsyncGenerator[ServerSentEvent, None]:
    async for event in events:
        if event.id == last:
            return
        yield event
