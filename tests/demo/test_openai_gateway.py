"""The demo passes on what a service answers and refuses, so that OpenAI's client sees it as if it asked the service."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI

from tests.demo.scripted import CALL, STATUSES, TOOLS, USAGE, ScriptedDemo, scripted_demo

QUESTION: list[Any] = [{"role": "user", "content": "Hello?"}]
CLASSES: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
}


@pytest.fixture(scope="module")
def demo() -> Iterator[ScriptedDemo]:
    with scripted_demo() as demo:
        yield demo


def client_of(demo: ScriptedDemo, max_retries: int = 0) -> OpenAI:
    http_client = DefaultHttpxClient(trust_env=False)
    return OpenAI(base_url=demo.url, api_key="any", max_retries=max_retries, http_client=http_client)


@pytest.fixture
def client(demo: ScriptedDemo) -> Iterator[OpenAI]:
    with client_of(demo) as client:
        yield client


@pytest.fixture
async def async_client(demo: ScriptedDemo) -> AsyncIterator[AsyncOpenAI]:
    http_client = DefaultAsyncHttpxClient(trust_env=False)
    async with AsyncOpenAI(base_url=demo.url, api_key="any", max_retries=0, http_client=http_client) as client:
        yield client


def test_the_request_arrives_as_it_was_sent(demo: ScriptedDemo, client: OpenAI) -> None:
    options: dict[str, Any] = {"temperature": 0.5, "tools": TOOLS, "tool_choice": "auto", "seed": 7}
    client.chat.completions.create(model="whole", messages=QUESTION, extra_body={"of_tomorrow": {"x": 1}}, **options)
    request = demo.upstream.requests[-1]
    assert request.body == {"model": "whole", "messages": QUESTION, "of_tomorrow": {"x": 1}, **options}
    assert request.headers["authorization"] == f"Bearer {demo.upstream.service.api_key}"


def test_a_whole_answer_arrives_with_fields_that_nobody_knows(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="whole", messages=QUESTION)
    assert answer.choices[0].message.content == "Hello"
    assert answer.usage is not None
    assert answer.usage.to_dict() == USAGE
    assert answer.model_extra == {"a_field_of_tomorrow": [1]}


def test_a_path_that_the_demo_lacks_is_an_error_of_openai(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.embeddings.create(model="any", input="Hello")
    assert refused.value.code == "not_found"


def test_a_tool_call_arrives_whole_and_in_parts(client: OpenAI) -> None:
    tools: Any = TOOLS
    whole = client.chat.completions.create(model="whole-tools", messages=QUESTION, tools=tools)
    assert whole.choices[0].finish_reason == "tool_calls"
    calls = whole.choices[0].message.tool_calls
    assert calls is not None
    assert [call.to_dict() for call in calls] == [CALL]

    with client.chat.completions.stream(model="stream-tools", messages=QUESTION, tools=tools) as stream:
        stream.until_done()
        [call] = stream.get_final_completion().choices[0].message.tool_calls or []
    assert (call.id, call.function.name, json.loads(call.function.arguments)) == ("call_1", "find", {"title": "M"})


@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["whole", "stream"])
@pytest.mark.parametrize(("sent", "status"), STATUSES.items())
def test_a_refusal_is_the_exception_of_its_status(
    client: OpenAI, sent: int, status: int, options: dict[str, Any]
) -> None:
    with pytest.raises(CLASSES[status]) as caught:
        client.chat.completions.create(model=f"refuses-{sent}", messages=QUESTION, **options)
    assert caught.value.status_code == status
    kinds = {429: "rate_limit_error", 500: "server_error", 502: "server_error", 503: "server_error"}
    assert caught.value.type == kinds.get(status, "some_error")  # the service's word if the request is at fault
    if status in (429, 503):
        assert caught.value.response.headers["retry-after"] == "7"


def test_the_client_tries_again_when_the_service_says(demo: ScriptedDemo) -> None:
    before = len(demo.upstream.requests)
    with client_of(demo, max_retries=1) as client:
        answer = client.chat.completions.create(model="busy-once", messages=QUESTION)
    assert answer.choices[0].message.content == "Hello"
    assert len(demo.upstream.requests) == before + 2


def test_a_stream_that_breaks_raises_after_the_part_that_arrived(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="breaks", messages=QUESTION, stream=True)
    received: list[str | None] = []
    with pytest.raises(openai.APIError, match="upstream"):
        received.extend(chunk.choices[0].delta.content for chunk in stream)
    assert received == ["", "Half"]


async def test_a_stream_that_breaks_raises_in_the_asynchronous_client(async_client: AsyncOpenAI) -> None:
    stream = await async_client.chat.completions.create(model="breaks", messages=QUESTION, stream=True)
    received = [(await anext(stream)).choices[0].delta.content for _ in range(2)]
    with pytest.raises(openai.APIError, match="upstream"):
        await anext(stream)
    assert received == ["", "Half"]


def test_closing_a_stream_ends_the_request_to_the_service(demo: ScriptedDemo, client: OpenAI) -> None:
    with client.chat.completions.create(model="endless", messages=QUESTION, stream=True) as stream:
        assert next(stream).choices[0].delta.role == "assistant"
        assert next(stream).choices[0].delta.content == "more "
    demo.wait_until_left()


async def test_leaving_the_asynchronous_client_ends_the_request_to_the_service(
    demo: ScriptedDemo, async_client: AsyncOpenAI
) -> None:
    async with await async_client.chat.completions.create(model="endless", messages=QUESTION, stream=True) as stream:
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    demo.wait_until_left()
