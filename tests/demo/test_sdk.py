"""Tests `/v1` with OpenAI's own client, as its users would."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam

from demo_app.settings import Service
from tests.demo.running import running_demo
from tests.demo.upstream import ENDING, HEAD, Upstream, chunk, event, refusal

MESSAGES: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "What is jero?"}]


@asynccontextmanager
async def sdk(service: Service | None = None) -> AsyncGenerator[openai.AsyncOpenAI, None]:
    """Yields OpenAI's client, with the demo as its base URL."""
    async with (
        running_demo(service) as client,
        openai.AsyncOpenAI(
            base_url=f"{client.base_url}/v1".replace("//v1", "/v1"),
            api_key="any",
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
        ) as found,
    ):
        yield found


async def test_a_stream_and_a_whole_answer_have_the_same_words_and_usage() -> None:
    async with sdk() as client:
        whole = await client.chat.completions.create(model="jero-offline", messages=MESSAGES)
        stream = await client.chat.completions.create(
            model="jero-offline", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        *chunks, last = [chunk async for chunk in stream]

    assert whole.choices[0].message.content == "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert last.choices == []
    assert last.usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 10


async def test_the_models_are_listed() -> None:
    async with sdk() as client:
        assert [model.id async for model in client.models.list()] == ["jero-offline"]


async def test_an_unknown_model_is_refused_as_by_openai() -> None:
    async with sdk() as client:
        with pytest.raises(openai.NotFoundError) as refused:
            await client.chat.completions.create(model="gpt-1", messages=MESSAGES)

    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


async def test_a_broken_answer_raises_after_its_words() -> None:
    async with Upstream(HEAD, chunk(content="Hello")) as upstream, sdk(upstream.service) as client:
        stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        assert (await anext(stream)).choices[0].delta.content == "Hello"
        with pytest.raises(openai.APIError, match="broke off"):
            await anext(stream)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, openai.BadRequestError), (401, openai.InternalServerError), (429, openai.RateLimitError)],
)
async def test_a_refusal_raises_the_error_of_its_status(status: int, error: type[openai.APIStatusError]) -> None:
    async with Upstream(refusal(status)) as upstream, sdk(upstream.service) as client:
        with pytest.raises(error):
            await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)


async def test_fields_that_the_client_does_not_know_survive() -> None:
    said = event(b'{"choices": [], "mood": "m"}')
    async with Upstream(HEAD, said, ENDING) as upstream, sdk(upstream.service) as client:
        stream = await client.chat.completions.create(
            model="m", messages=MESSAGES, stream=True, extra_body={"of_the_future": 1}
        )
        first = await anext(stream)

    assert first.model_extra == {"mood": "m"}
    assert upstream.requests[0].body["of_the_future"] == 1
