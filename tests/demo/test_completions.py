"""Tests `POST /v1/chat/completions` and `GET /v1/models`, with real HTTP to the client and to the upstream."""

import json

import httpx
import pytest

from demo_app.settings import Service
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
    part,
    whole,
)

ASKED = b'{"model" : "theirs", "messages":[{"role":"user","content":"Hi"}],  "of_the_future": 1.0000000000000001%b}'
WHOLE = ASKED % b""
NULL = ASKED % b', "stream": null'
FALSE = ASKED % b', "stream": false'
STREAM = ASKED % b', "stream": true'
HELLO = chunk(content="Hello")
ANSWER = b'{"id": "1",  "choices": [{"message": {"content": "Hi"}}], "of_the_future": 1.0000000000000001}'


async def complete(client: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    given = {"Content-Type": "application/json", "Authorization": "Bearer the-client's", **headers}
    return await client.post("/v1/chat/completions", content=body, headers=given)


def events(text: str) -> list[str]:
    """Returns the data of the events."""
    return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("body", [WHOLE, NULL, FALSE])
async def test_a_whole_answer_and_its_request_are_passed_on_byte_for_byte(body: bytes) -> None:
    async with Upstream(whole(ANSWER)) as upstream, running_demo(upstream.service) as client:
        response = await complete(client, body)

    assert (response.status_code, response.content) == (200, ANSWER)
    assert response.headers["content-type"] == "application/json"
    (request,) = upstream.requests
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.content == body


async def test_a_stream_and_its_request_are_passed_on_byte_for_byte() -> None:
    chunks = [b'{"choices":[{"delta":{"content":"a\xc3\xa9"}}], "x":  1.0000000000000001}', b'{"choices" : []}']
    said = (HEAD, *map(event, chunks), STOP, DONE, END_OF_BODY)
    async with Upstream(*said) as upstream, running_demo(upstream.service) as client:
        response = await complete(client, STREAM)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.content.startswith(b"".join(b"data: %b\n\n" % data for data in chunks))
    assert response.content.endswith(b"data: [DONE]\n\n")
    assert upstream.requests[0].content == STREAM


@pytest.mark.parametrize(("body", "answer"), [(WHOLE, whole(ANSWER)), (STREAM, HEAD + HELLO + ENDING)])
async def test_the_service_gets_the_key_of_the_server_and_not_of_the_client(body: bytes, answer: bytes) -> None:
    async with Upstream(answer) as upstream, running_demo(upstream.service) as client:
        await complete(client, body, **{"OpenAI-Organization": "theirs"})

    (request,) = upstream.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "openai-organization" not in request.headers


@pytest.mark.parametrize("model", [b"", b'"model": null, '])
async def test_a_request_without_a_model_gets_that_of_the_server(model: bytes) -> None:
    async with Upstream(whole(ANSWER)) as upstream, running_demo(upstream.service) as client:
        await complete(client, b'{%b"messages": [], "x": 1.00}' % model)

    (request,) = upstream.requests
    assert request.body == {"model": "m", "messages": [], "x": 1.0}
    assert b"1.00" in request.content


USAGE = event(b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}')
# The chunks that services send, as bytes of the upstream; the words that they add to the answer of /questions.
CHUNKS: dict[str, tuple[bytes, list[str]]] = {
    "no delta": (event(b'{"choices": [{"index": 0}]}'), []),
    "delta is null": (event(b'{"choices": [{"index": 0, "delta": null}]}'), []),
    "choices are null": (event(b'{"choices": null}'), []),
    "no choices": (event(b'{"id": "1"}'), []),
    "usage at the end": (STOP + USAGE, []),
    "role only": (event(b'{"choices": [{"delta": {"role": "assistant"}}]}'), []),
    "content is null": (event(b'{"choices": [{"delta": {"role": "assistant", "content": null}}]}'), []),
    "tool calls": (event(b'{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}}]}'), []),
    "refusal": (event(b'{"choices": [{"delta": {"content": null, "refusal": "No."}}]}'), ["No."]),
    "error is null": (event(b'{"choices": [{"delta": {"content": "x"}}], "error": null}'), ["x"]),
    "a usage of another form": (event(b'{"choices": [], "usage": "much"}'), []),
    "a usage that no float has": (event(b'{"choices": [], "usage": {"prompt_tokens": %b}}' % (b"9" * 400)), []),
    "index is null": (event(b'{"choices": [{"index": null, "delta": {"content": "x"}}]}'), ["x"]),
    "a comment": (part(b": OPENROUTER PROCESSING\n\n"), []),
    "CRLF": (part(b'data: {"choices": [{"delta": {"content": "x"}}]}\r\n\r\n'), ["x"]),
    "no space": (part(b'data:{"choices": [{"delta": {"content": "x"}}]}\n\n'), ["x"]),
    "no data": (part(b"data:\n\n"), []),
    "a named event": (part(b'event: chunk\ndata: {"choices": [{"delta": {"content": "x"}}]}\n\n'), ["x"]),
    "two lines": (part(b'data: {"choices":\ndata: [{"delta": {"content": "x"}}]}\n\n'), ["x"]),
    "in two pieces": (part(b'data: {"choices": [{"delta": {"con') + part(b'tent": "x"}}]}\n\n'), ["x"]),
}


@pytest.mark.parametrize(("said", "words"), CHUNKS.values(), ids=CHUNKS)
async def test_chunks_of_every_form_are_passed_on(said: bytes, words: list[str]) -> None:
    async with Upstream(HEAD, HELLO, said, ENDING) as upstream, running_demo(upstream.service) as client:
        response = await complete(client, STREAM)
        answered = await client.post("/questions", json={"text": "Hi"})

    *chunks, done = events(response.text)
    assert done == "[DONE]"
    assert all(json.loads(data).keys() & {"choices", "id"} for data in chunks)
    assert [json.loads(line)["text"] for line in answered.text.splitlines()] == ["Hello", *words]


@pytest.mark.parametrize("end", [b"", END_OF_BODY], ids=["cut", "proper end"])
async def test_a_finish_reason_completes_the_answer_of_a_service_that_sends_no_done(end: bytes) -> None:
    async with Upstream(HEAD, HELLO, STOP, end) as upstream, running_demo(upstream.service) as client:
        response = await complete(client, STREAM)
        answered = await client.post("/questions", json={"text": "Hi"})

    assert events(response.text)[-1] == "[DONE]"
    assert answered.text == '{"text":"Hello"}\n'


async def test_done_completes_an_answer_without_a_finish_reason() -> None:
    async with Upstream(HEAD, HELLO, DONE, END_OF_BODY) as upstream, running_demo(upstream.service) as client:
        assert events((await complete(client, STREAM)).text)[-1] == "[DONE]"


async def test_the_name_of_an_event_is_passed_on() -> None:
    async with Upstream(HEAD, CHUNKS["a named event"][0], ENDING) as upstream, running_demo(upstream.service) as client:
        assert (await complete(client, STREAM)).text.startswith("event: chunk\ndata: {")


async def test_the_usage_after_the_finish_reason_is_passed_on() -> None:
    async with (
        Upstream(HEAD, ROLE, HELLO, STOP, USAGE, DONE, END_OF_BODY) as upstream,
        running_demo(upstream.service) as client,
    ):
        *_, usage, done = events((await complete(client, STREAM)).text)

    assert json.loads(usage)["usage"] == {"prompt_tokens": 3, "completion_tokens": 2}
    assert done == "[DONE]"


@pytest.mark.parametrize("choices", [1, 2])
async def test_an_answer_of_two_choices_is_complete_if_both_have_finished(choices: int) -> None:
    stops = [event(b'{"choices": [{"index": %d, "finish_reason": "stop"}]}' % index) for index in range(choices)]
    async with Upstream(HEAD, HELLO, *stops, END_OF_BODY) as upstream, running_demo(upstream.service) as client:
        response = await complete(client, ASKED % b', "stream": true, "n": 2')

    assert ("[DONE]" in response.text) is (choices == 2)
    assert ('"error"' in response.text) is (choices == 1)


@pytest.mark.parametrize("n", [b"0", b"-1"])
async def test_a_number_of_choices_below_one_completes_nothing(n: bytes) -> None:
    async with Upstream(HEAD, HELLO, END_OF_BODY) as upstream, running_demo(upstream.service) as client:
        response = await complete(client, ASKED % b', "stream": true, "n": %b' % n)

    assert "[DONE]" not in response.text
    assert '"error"' in response.text


async def test_the_models_of_the_service_are_listed_byte_for_byte() -> None:
    models = b'{"object": "list",  "data": [{"id": "m", "of_the_future": 1}]}'
    async with Upstream(whole(models)) as upstream, running_demo(upstream.service) as client:
        response = await client.get("/v1/models", headers={"Authorization": "Bearer the-client's"})

    assert (response.status_code, response.content) == (200, models)
    assert upstream.requests[0].line == "GET /v1/models HTTP/1.1"
    assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_without_a_key_the_offline_model_is_listed_and_answers() -> None:
    async with running_demo() as client:
        (model,) = (await client.get("/v1/models")).json()["data"]
        asked = {"model": model["id"], "messages": [{"role": "user", "content": "Hi"}]}
        response = await client.post("/v1/chat/completions", json=asked)

    assert response.json()["model"] == model["id"] == "jero-offline"


async def test_a_service_that_is_down_is_a_bad_gateway_in_the_form_of_openai() -> None:
    async with running_demo(Service("http://127.0.0.1:9/v1", "m", KEY)) as client:
        response = await complete(client, STREAM)

    assert response.status_code == 502
    assert response.json()["error"]["code"] == "upstream_failed"
