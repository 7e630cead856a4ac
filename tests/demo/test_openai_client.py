"""OpenAI's client for Python works with the demo, started as the README says, in front of its offline model."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI

from tests.demo.scripted import offline_demo

MODEL = "jero-offline"
QUESTION: list[Any] = [{"role": "user", "content": "What happens when the client leaves?"}]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with offline_demo() as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[OpenAI]:
    http_client = DefaultHttpxClient(trust_env=False)
    with OpenAI(base_url=url, api_key="any", max_retries=0, http_client=http_client) as client:
        yield client


@pytest.fixture
async def async_client(url: str) -> AsyncIterator[AsyncOpenAI]:
    http_client = DefaultAsyncHttpxClient(trust_env=False)
    async with AsyncOpenAI(base_url=url, api_key="any", max_retries=0, http_client=http_client) as client:
        yield client


def test_a_whole_answer_has_its_usage(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION)
    [choice] = answer.choices
    assert choice.message.content
    assert (choice.finish_reason, choice.message.role, answer.object) == ("stop", "assistant", "chat.completion")
    assert answer.usage is not None
    assert answer.usage.completion_tokens == len(choice.message.content.split())
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_the_parts_of_a_stream_are_the_whole_answer(client: OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=QUESTION)
    chunks = list(client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True))
    deltas = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(deltas) == whole.choices[0].message.content
    assert len([delta for delta in deltas if delta]) > 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_reports_its_usage_if_asked(client: OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=QUESTION)
    *chunks, last = client.chat.completions.create(
        model=MODEL, messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    assert (last.choices, last.usage) == ([], whole.usage)
    assert all(chunk.usage is None for chunk in chunks)


async def test_the_asynchronous_client_reads_both(async_client: AsyncOpenAI) -> None:
    whole = await async_client.chat.completions.create(model=MODEL, messages=QUESTION)
    stream = await async_client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True)
    parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(parts) == whole.choices[0].message.content


async def test_the_helper_for_streams_gathers_the_answer(async_client: AsyncOpenAI) -> None:
    async with async_client.chat.completions.stream(
        model=MODEL, messages=QUESTION, stream_options={"include_usage": True}
    ) as stream:
        kinds = [event.type async for event in stream]
        answer = await stream.get_final_completion()
    assert kinds.count("content.delta") > 1
    assert "content.done" in kinds
    assert answer.choices[0].message.content
    assert answer.usage is not None


def test_the_models_are_listed(client: OpenAI) -> None:
    [model] = client.models.list()
    assert (model.id, model.object) == (MODEL, "model")
    assert model.created > 0


def test_a_raw_response_has_the_headers(client: OpenAI) -> None:
    whole = client.chat.completions.with_raw_response.create(model=MODEL, messages=QUESTION)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "application/json")
    assert whole.parse().choices[0].message.content
    stream = client.chat.completions.with_raw_response.create(model=MODEL, messages=QUESTION, stream=True)
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert len(list(stream.parse())) > 2


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-none", messages=QUESTION, stream=True)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert "gpt-none" in caught.value.message


@pytest.mark.parametrize("body", [{"messages": []}, {"messages": "Hello"}, {"stream": "yes"}])
def test_a_wrong_request_is_refused_in_words(client: OpenAI, body: dict[str, Any]) -> None:
    with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError)) as caught:
        client.chat.completions.create(model=MODEL, messages=QUESTION, extra_body=body)
    assert caught.value.type == "invalid_request_error"
    assert next(iter(body)) in f"{caught.value.param} {caught.value.message}"
