"""Tests what the demo counts, read as Prometheus reads it."""

import asyncio

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.demo.running import running_demo
from tests.demo.upstream import (
    DONE,
    END_OF_BODY,
    ENDING,
    HEAD,
    STOP,
    Upstream,
    chunk,
    event,
    hang_up,
    refusal,
    stay,
    whole,
)

HELLO = chunk(content="Hello")
USAGE = b'"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}'
COMPLETIONS = "ChatCompletionsEndpoint"


async def samples(client: httpx.AsyncClient) -> dict[str, float]:
    """Returns the values of all metrics that are not zero, by the name and the labels."""
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if sample.value
    }


async def complete(client: httpx.AsyncClient, *, stream: bool) -> httpx.Response:
    return await client.post("/v1/chat/completions", json={"messages": [], "stream": stream})


async def test_a_stream_counts_its_end_its_first_token_and_its_tokens() -> None:
    # Some services send the usage with every chunk. The last one counts.
    usage = event(b'{"choices": [], %b}' % USAGE)
    async with (
        Upstream(HEAD, HELLO, usage, STOP, usage, DONE, END_OF_BODY) as upstream,
        running_demo(upstream.service) as client,
    ):
        await complete(client, stream=True)
        await client.post("/questions", json={"text": "Hi"})
        found = await samples(client)

    assert found["demo_tokens_total prompt"] == 6
    assert found["demo_tokens_total completion"] == 4
    for endpoint in (COMPLETIONS, "QuestionsEndpoint"):
        assert found[f"demo_streams_total {endpoint} completed"] == 1
        assert found[f"demo_first_token_seconds_count {endpoint}"] == 1
        assert f"demo_open_streams {endpoint}" not in found


async def test_a_whole_answer_counts_its_end_and_its_tokens() -> None:
    async with Upstream(whole(b'{"choices": [], %b}' % USAGE)) as upstream, running_demo(upstream.service) as client:
        await complete(client, stream=False)
        found = await samples(client)

    assert found[f"demo_answers_total {COMPLETIONS} completed"] == 1
    assert (found["demo_tokens_total prompt"], found["demo_tokens_total completion"]) == (3, 2)


@pytest.mark.parametrize("count", [b"-1", b"9" * 400, b"1" + b"0" * 15, b"null", b"1e300"])
async def test_a_number_of_tokens_that_cannot_be_is_not_counted(count: bytes) -> None:
    answer = whole(b'{"choices": [], "usage": {"prompt_tokens": %b, "completion_tokens": 2}}' % count)
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        response = await complete(client, stream=False)
        found = await samples(client)

    assert response.status_code == 200
    assert found[f"demo_answers_total {COMPLETIONS} completed"] == 1
    assert not [name for name in found if name.startswith("demo_tokens_total")]


@pytest.mark.parametrize(
    ("answer", "stream", "name"),
    [
        (refusal(400), False, "demo_answers_total"),
        (refusal(400), True, "demo_streams_total"),
        (HEAD + HELLO, True, "demo_streams_total"),
    ],
)
async def test_a_failure_is_counted(answer: bytes, *, stream: bool, name: str) -> None:
    async with Upstream(answer, then=hang_up) as upstream, running_demo(upstream.service) as client:
        await complete(client, stream=stream)
        found = await samples(client)

    assert found[f"{name} {COMPLETIONS} failed"] == 1
    assert "demo_tokens_total prompt" not in found


async def test_an_open_stream_is_counted_until_its_client_has_left() -> None:
    async with Upstream(HEAD, HELLO, then=stay) as upstream, running_demo(upstream.service) as client:
        async with client.stream("POST", "/v1/chat/completions", json={"messages": [], "stream": True}) as response:
            lines = response.aiter_lines()
            await anext(lines)
            assert (await samples(client))[f"demo_open_streams {COMPLETIONS}"] == 1
        async with asyncio.timeout(5):
            await upstream.left.wait()
            while f"demo_streams_total {COMPLETIONS} disconnected" not in (found := await samples(client)):
                pass

    assert f"demo_open_streams {COMPLETIONS}" not in found


async def test_a_whole_answer_whose_client_leaves_is_counted() -> None:
    async with Upstream(b"", then=stay) as upstream, running_demo(upstream.service) as client:
        asking = asyncio.create_task(complete(client, stream=False))
        async with asyncio.timeout(5):
            await upstream.answered.wait()
            asking.cancel()
            await upstream.left.wait()
            while f"demo_answers_total {COMPLETIONS} disconnected" not in await samples(client):
                pass


async def test_two_applications_of_a_process_count_for_themselves() -> None:
    async with (
        Upstream(HEAD, HELLO, ENDING) as upstream,
        running_demo(upstream.service) as client,
        running_demo(upstream.service) as other,
    ):
        await complete(client, stream=True)
        assert await samples(client)
        assert await samples(other) == {}
