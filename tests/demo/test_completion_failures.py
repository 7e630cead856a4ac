"""Tests how `/v1` fails: with true statuses, in the form of OpenAI's API, and without the server's secrets."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.demo.running import running_demo
from tests.demo.upstream import (
    END_OF_BODY,
    ENDING,
    HEAD,
    KEY,
    ROLE,
    Upstream,
    chunk,
    event,
    hang_up,
    never_pause,
    part,
    refusal,
    stay,
    whole,
)

MESSAGES = [{"role": "user", "content": "Hi"}]
HELLO = chunk(content="Hello")
TOLD = event(b'{"error": {"message": "overloaded: %b", "code": 503}}' % KEY.encode())
ERROR_EVENT = part(b'event: error\ndata: {"message": "overloaded"}\n\n')


async def complete(client: httpx.AsyncClient, *, stream: bool) -> httpx.Response:
    return await client.post("/v1/chat/completions", json={"messages": MESSAGES, "stream": stream})


def check_error(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["code"] == code
    assert KEY not in response.text


REFUSED = [
    (401, 502, "upstream_failed"),
    (402, 502, "upstream_failed"),
    (403, 502, "upstream_failed"),
    (429, 429, "upstream_rate_limited"),
    (500, 500, "upstream_failed"),
    (503, 503, "upstream_failed"),
    (529, 529, "upstream_failed"),
    (304, 502, "upstream_failed"),
]


@pytest.mark.parametrize(("refused", "status", "code"), REFUSED)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_of_the_server_is_told_in_the_gateways_own_words(
    refused: int, status: int, code: str, *, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    answer = refusal(refused, f"Incorrect API key provided: {KEY}.", headers={"Retry-After": "7"})
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        response = await complete(client, stream=stream)

    check_error(response, status, code)
    assert "www-authenticate" not in response.headers
    assert response.headers.get("retry-after") == ("7" if status in {429, 500, 503, 529} else None)
    assert KEY not in caplog.text
    assert status == 500 or "Traceback" not in caplog.text  # jero logs where a 500 comes from


@pytest.mark.parametrize("status", [400, 404, 409, 413, 415, 422])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_of_the_clients_request_is_passed_on_byte_for_byte(status: int, *, stream: bool) -> None:
    async with Upstream(refusal(status, "No such model.")) as upstream, running_demo(upstream.service) as client:
        response = await complete(client, stream=stream)

    assert response.status_code == status
    assert response.content == refusal(status, "No such model.").partition(b"\r\n\r\n")[2]
    assert response.headers["content-type"] == "application/json"


ESCAPED_KEY = "".join(f"\\u{ord(character):04X}" for character in KEY)
LONG = b'{"error": {"message": "%b"}}' % (b"x" * 100_000)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"detail": "no"}',
        b'{"error": {"message": "%b"}}' % KEY.encode(),
        b'{"error": {"message": "%b"}}' % ESCAPED_KEY.encode(),
        b'{"error": {"message": "%b", "message": "no"}, "key": 1}' % KEY.replace("-", "\\u002d").encode(),
        LONG,
    ],
)
async def test_a_refusal_that_cannot_be_passed_on_keeps_its_status(body: bytes, *, stream: bool) -> None:
    answer = whole(body).replace(b"200 OK", b"400 Refused")
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        check_error(await complete(client, stream=stream), 400, "upstream_refused")


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_whole_answer_is_bounded(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo_app.upstream.MAX_ANSWER_BYTES", 99_999)
    body = b'{"choices": [], "object": "%b"}' % (b"x" * 100_000)
    sent = gzip.compress(body) if coding == "gzip" else body
    answer = whole(sent, f"application/json\r\nContent-Encoding: {coding}")
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        check_error(await complete(client, stream=False), 502, "upstream_failed")
        check_error(await client.get("/v1/models"), 502, "upstream_failed")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_status_that_http_does_not_have_is_a_bad_gateway(*, stream: bool) -> None:
    async with Upstream(refusal(999)) as upstream, running_demo(upstream.service) as client:
        check_error(await complete(client, stream=stream), 502, "upstream_failed")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        whole(b""),
        whole(b"<html>"),
        whole(b"\xff"),
        whole(b"[" * 100_000),
        whole(b"[]"),
        whole(b'{"choices": [')[:-3],
        whole(b'{"error": {"message": "overloaded: %b"}}' % KEY.encode()),
    ],
)
async def test_something_else_than_a_whole_answer_is_a_bad_gateway(answer: bytes) -> None:
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        check_error(await complete(client, stream=False), 502, "upstream_failed")


@pytest.mark.parametrize(
    "answer",
    [
        HEAD,
        HEAD + END_OF_BODY,
        HEAD + TOLD + ENDING,
        HEAD + ERROR_EVENT + ENDING,
        HEAD + event(b"{") + ENDING,
        HEAD + event(b"\xff") + ENDING,
        HEAD + event(b"[1]") + ENDING,
        HEAD.replace(b"text/event-stream", b"text/html") + ENDING,
        whole(b'{"choices": []}'),
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
async def test_something_else_than_a_stream_is_a_bad_gateway(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        check_error(await complete(client, stream=True), 502, "upstream_failed")

    assert KEY not in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(("said", "stream"), [(b"", False), (b"", True), (HEAD, True)])
async def test_a_service_that_stalls_is_a_gateway_timeout(said: bytes, *, stream: bool) -> None:
    async with Upstream(said, then=stay) as upstream, running_demo(upstream.service, upstream_timeout=0.3) as client:
        check_error(await complete(client, stream=stream), 504, "upstream_timeout")
        async with asyncio.timeout(5):
            await upstream.left.wait()


@pytest.mark.parametrize(
    ("rest", "then"),
    [
        (b"", hang_up),
        (b"", stay),
        (END_OF_BODY, hang_up),
        (TOLD + ENDING, hang_up),
        (ERROR_EVENT + ENDING, hang_up),
        (event(b"{") + ENDING, hang_up),
    ],
    ids=["broken off", "stalled", "ended by a proxy", "error object", "error event", "not JSON"],
)
async def test_a_failure_after_the_first_chunk_is_a_last_event_without_done(
    rest: bytes, then: Callable[[asyncio.StreamWriter], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        Upstream(HEAD, HELLO, rest, then=then) as upstream,
        running_demo(upstream.service, upstream_timeout=0.3) as client,
    ):
        response = await complete(client, stream=True)

    assert response.status_code == 200
    *_, last = (line for line in response.text.splitlines() if line)
    error = json.loads(last.removeprefix("data: "))["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["code"] == ("upstream_timeout" if then is stay else "upstream_failed")
    assert "[DONE]" not in response.text
    assert KEY not in response.text + caplog.text


@pytest.mark.parametrize(
    ("method", "body", "headers", "status", "code"),
    [
        ("POST", b"{", {}, 400, "malformed_request"),
        ("POST", b"[]", {}, 422, "unprocessable_content"),
        ("POST", b'{"stream": "yes"}', {}, 422, "unprocessable_content"),
        ("POST", b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        ("POST", b" " * (20 * 1024 * 1024 + 1), {}, 413, "content_too_large"),
        ("GET", b"", {}, 405, "method_not_allowed"),
    ],
)
async def test_a_refusal_of_jero_has_the_form_of_openai(
    method: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    async with Upstream(HEAD, ROLE, ENDING) as upstream, running_demo(upstream.service) as client:
        given = {"Content-Type": "application/json", **headers}
        response = await client.request(method, "/v1/chat/completions", content=body, headers=given)

    check_error(response, status, code)
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert not upstream.requests


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("said", [b"", HEAD], ids=["nothing", "headers"])
async def test_the_upstream_request_ends_when_the_client_leaves(said: bytes, *, stream: bool) -> None:
    said = said.replace(b"text/event-stream", b"application/json") if not stream else said
    async with Upstream(said, then=stay) as upstream, running_demo(upstream.service) as client:
        asking = asyncio.create_task(complete(client, stream=stream))
        async with asyncio.timeout(5):
            await upstream.answered.wait()
            asking.cancel()
            await upstream.left.wait()


@pytest.mark.parametrize("then", [stay, never_pause])
async def test_the_upstream_request_ends_when_the_client_leaves_a_stream(
    then: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> None:
    async with Upstream(HEAD, HELLO, then=then) as upstream, running_demo(upstream.service) as client:
        asked = {"messages": MESSAGES, "stream": True}
        async with client.stream("POST", "/v1/chat/completions", json=asked) as response:
            lines = response.aiter_lines()
            assert "Hello" in await anext(lines)
        async with asyncio.timeout(5):
            await upstream.left.wait()


async def test_a_list_of_models_that_is_refused_fails_in_the_form_of_openai() -> None:
    async with Upstream(refusal(401)) as upstream, running_demo(upstream.service) as client:
        check_error(await client.get("/v1/models"), 502, "upstream_failed")
