"""Tests `POST /questions`, with real HTTP to the client and to the upstream."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from demo_app.answers import Answers
from demo_app.metrics import Metrics
from demo_app.operations.question_operations import Asking, Question, QuestionsEndpoint
from demo_app.questions import Questions, answer_runs
from demo_app.settings import Service
from demo_app.upstream import Upstream as UpstreamClient
from jero import NDJSONStreamingResponse, StreamOutcome
from jero.channels import MemoryStore
from tests.demo.running import running_demo
from tests.demo.upstream import (
    DONE,
    END_OF_BODY,
    ENDING,
    HEAD,
    KEY,
    ROLE,
    STOP,
    Upstream,
    chunk,
    event,
    hang_up,
    keep_alive,
    part,
    refusal,
    stay,
)
from tests.ports import free_port

QUESTION = {"text": "What is a stream?"}
HELLO = chunk(content="Hello")
WORLD = chunk(content=" world")


async def ask(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/questions", json=QUESTION)


async def items(response: httpx.Response) -> AsyncGenerator[Any, None]:
    async for line in response.aiter_lines():
        yield json.loads(line)


async def test_an_answer_streams_chunk_by_chunk_from_the_configured_service() -> None:
    async with Upstream(HEAD, ROLE, HELLO, WORLD, ENDING) as upstream, running_demo(upstream.service) as client:
        response = await ask(client)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text == '{"text":"Hello"}\n{"text":" world"}\n'
    (request,) = upstream.requests
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {"messages": [{"role": "user", "content": QUESTION["text"]}], "model": "m", "stream": True}


async def test_without_a_key_the_offline_model_answers_and_names_itself() -> None:
    async with running_demo() as client, client.stream("POST", "/questions", json=QUESTION) as response:
        words = [item["text"] async for item in items(response)]

    assert response.status_code == 200
    assert len(words) > 10
    assert max(len(word.split()) for word in words) <= 2
    assert "offline model" in "".join(words)


async def test_each_chunk_is_sent_before_the_next_arrives() -> None:
    async with (
        Upstream(HEAD, ROLE, HELLO, then=stay) as upstream,
        running_demo(upstream.service) as client,
        client.stream("POST", "/questions", json=QUESTION) as response,
        aclosing(items(response)) as answer,
    ):
        assert await anext(answer) == {"text": "Hello"}
        assert not upstream.left.is_set()
        await client.delete(response.headers["location"])  # else it would hold up the shutdown


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        (refusal(401, f"Incorrect API key provided: {KEY}."), 401, "upstream-unauthorized"),
        (refusal(403), 401, "upstream-unauthorized"),
        (refusal(429), 429, "upstream-rate-limited"),
        (refusal(400), 502, "upstream-failed"),
        (refusal(404), 502, "upstream-failed"),
        (refusal(500), 502, "upstream-failed"),
        (refusal(503), 502, "upstream-failed"),
        (refusal(503, headers={"Retry-After": "7"}), 503, "upstream-unavailable"),
        (b"", 502, "upstream-failed"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", 502, "upstream-failed"),
        (HEAD, 502, "upstream-failed"),
        (HEAD + ROLE, 502, "upstream-failed"),
        (HEAD + END_OF_BODY, 502, "upstream-failed"),
        (HEAD + DONE + END_OF_BODY, 502, "upstream-failed"),
        (HEAD + event(b'{"error": {"message": "overloaded"}}') + ENDING, 502, "upstream-failed"),
        (HEAD + event(b"{") + ENDING, 502, "upstream-failed"),
        (HEAD + event(b"\xff") + ENDING, 502, "upstream-failed"),
        (HEAD + event(b"[1]") + ENDING, 502, "upstream-failed"),
        (HEAD + event(b"[" * 100_000) + ENDING, 502, "upstream-failed"),
        (HEAD.replace(b"text/event-stream", b"text/html") + ENDING, 502, "upstream-failed"),
        (HEAD + part(b'event: error\ndata: {"type":"a","title":"b","status":500}\n\n'), 502, "upstream-failed"),
        (refusal(307, headers={"Location": "/v1/elsewhere"}), 502, "upstream-failed"),
        (HEAD + chunk(finish_reason="content_filter") + DONE + END_OF_BODY, 502, "upstream-failed"),
    ],
)
async def test_a_failure_before_the_first_chunk_is_a_problem_of_its_own_status(
    answer: bytes, status: int, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        response = await ask(client)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["type"], problem["status"]) == (kind, status)
    assert KEY not in response.text + caplog.text
    assert "Traceback" not in caplog.text


async def test_the_upstream_status_is_in_the_problem() -> None:
    async with Upstream(refusal(418)) as upstream, running_demo(upstream.service) as client:
        assert (await ask(client)).json()["detail"] == "The upstream answered with status 418."


async def test_a_refused_key_is_answered_with_a_challenge() -> None:
    async with Upstream(refusal(401)) as upstream, running_demo(upstream.service) as client:
        assert (await ask(client)).headers["www-authenticate"] == 'Bearer realm="upstream"'


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", ["20", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_retry_after_is_passed_on(status: int, retry_after: str) -> None:
    answer = refusal(status, headers={"Retry-After": retry_after})
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        response = await ask(client)

    assert response.status_code == status
    assert response.headers["retry-after"] == retry_after


@pytest.mark.parametrize("retry_after", ["5, 6", "soon", "-1", "1e3", "12345678901"])
async def test_a_malformed_retry_after_is_left_out(retry_after: str) -> None:
    answer = refusal(429, headers={"Retry-After": retry_after})
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        response = await ask(client)

    assert (response.status_code, response.headers.get("retry-after")) == (429, None)


async def test_an_upstream_that_is_down_is_a_bad_gateway() -> None:
    async with running_demo(Service(f"http://127.0.0.1:{free_port()}/v1", "m", KEY)) as client:
        response = await ask(client)

    assert response.status_code == 502
    assert response.json()["type"] == "upstream-failed"


@pytest.mark.parametrize(
    ("said", "then"),
    [(b"", stay), (HEAD, stay), (HEAD + ROLE, stay), (HEAD, keep_alive)],
    ids=["nothing", "headers", "no words", "signs of life"],
)
async def test_an_upstream_that_stalls_is_a_gateway_timeout(
    said: bytes, then: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> None:
    async with Upstream(said, then=then) as upstream, running_demo(upstream.service, upstream_timeout=0.3) as client:
        response = await ask(client)
        async with asyncio.timeout(5):
            await upstream.left.wait()

    assert response.status_code == 504
    assert response.json()["type"] == "upstream-timeout"


async def test_the_headers_wait_longer_than_the_upstream_timeout() -> None:
    upstream = UpstreamClient(Service("http://127.0.0.1:9/v1", "m", KEY), timeout=60)
    async with MemoryStore() as store, answer_runs(store) as runs:
        questions = Questions(Answers(upstream, Metrics()), runs, do_nothing)
        response = await QuestionsEndpoint(questions).post(Question("Who is there?"), Asking())

    assert isinstance(response, NDJSONStreamingResponse)
    assert response.policy is not None
    assert response.policy.first_item_grace is not None
    assert response.policy.first_item_grace > 60


async def do_nothing(_: StreamOutcome) -> None:
    pass


@pytest.mark.parametrize(
    ("rest", "then"),
    [
        (b"", hang_up),
        (b"", stay),
        (END_OF_BODY, hang_up),
        (DONE + END_OF_BODY, hang_up),
        (event(b'{"error": {"message": "overloaded: %b"}}' % KEY.encode()) + END_OF_BODY, hang_up),
        (event(b"{") + ENDING, hang_up),
        (chunk(finish_reason="length") + DONE + END_OF_BODY, hang_up),
    ],
    ids=["broken off", "stalled", "ended by a proxy", "no finish", "error event", "not JSON", "cut short"],
)
async def test_a_failure_after_the_first_chunk_cuts_the_transfer(
    rest: bytes, then: Callable[[asyncio.StreamWriter], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        Upstream(HEAD, ROLE, HELLO, rest, then=then) as upstream,
        running_demo(upstream.service, upstream_timeout=0.3) as client,
        client.stream("POST", "/questions", json=QUESTION) as response,
        aclosing(items(response)) as answer,
    ):
        assert response.status_code == 200
        assert await anext(answer) == {"text": "Hello"}
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(answer)

    assert KEY not in caplog.text


async def test_the_upstream_timeout_limits_each_silence_and_not_the_whole_answer() -> None:
    async def speak_slowly(writer: asyncio.StreamWriter) -> None:
        for _ in range(6):
            await asyncio.sleep(0.1)
            writer.write(WORLD)
        writer.write(ENDING)
        await writer.drain()

    async with (
        Upstream(HEAD, HELLO, then=speak_slowly) as upstream,
        running_demo(upstream.service, upstream_timeout=0.4) as client,
    ):
        response = await ask(client)

    assert len(response.text.splitlines()) == 7


async def test_an_answer_without_words_is_an_empty_success() -> None:
    async with Upstream(HEAD, ROLE, STOP, DONE, END_OF_BODY) as upstream, running_demo(upstream.service) as client:
        response = await ask(client)

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    "sent",
    [
        b": OPENROUTER PROCESSING\n\n",
        b"data:\n\n",
        b"event: ping\ndata:\n\n",
        b'data:{"choices":[]}\n\n',
        b'data: {"choices":null}\r\n\r\n',
        b'data: {"usage":{"total_tokens":3},"error":null}\n\n',
        b'data: {"choices":[{"index":0}]}\n\n',
        b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\n\n',
        b'data: {"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":""},"finish_reason":null}]}\n\n',
    ],
)
async def test_a_chunk_without_words_is_passed_over(sent: bytes) -> None:
    async with (
        Upstream(HEAD, part(b"\xef\xbb\xbf"), part(sent), HELLO, part(sent), ENDING) as upstream,
        running_demo(upstream.service) as client,
    ):
        response = await ask(client)

    assert (response.status_code, response.text) == (200, '{"text":"Hello"}\n')


@pytest.mark.parametrize("rest", [STOP, STOP + END_OF_BODY], ids=["broken off", "ended"])
async def test_an_answer_with_a_finish_reason_is_complete_without_done(rest: bytes) -> None:
    async with Upstream(HEAD, HELLO, rest) as upstream, running_demo(upstream.service) as client:
        response = await ask(client)

    assert (response.status_code, response.text) == (200, '{"text":"Hello"}\n')


@pytest.mark.parametrize("text", ["", " \n", "x" * 4_001, None, 7])
async def test_an_invalid_question_is_refused_with_its_path_and_not_passed_on(text: object) -> None:
    async with Upstream(HEAD, ENDING) as upstream, running_demo(upstream.service) as client:
        response = await client.post("/questions", json={"text": text})

    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["json", "text"]
    assert upstream.requests == []


async def test_the_health_names_the_model_that_answers() -> None:
    async with Upstream() as upstream, running_demo(upstream.service) as client:
        assert (await client.get("/health")).json() == {"status": "ok", "model": "m", "offline": False}
    async with running_demo() as client:
        assert (await client.get("/health")).json() == {"status": "ok", "model": "jero-offline", "offline": True}
