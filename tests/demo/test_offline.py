"""Tests the offline model with OpenAI's client, and with one that sends malformed requests."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import openai
import pytest

from demo_app.offline.documentation import Passage
from demo_app.offline.model import OfflineModel, few_words
from demo_app.offline.service import offline_service

PASSAGES = [
    Passage("docs/bread.md", "Baking", "Bread rises while the yeast is warm."),
    Passage("docs/streams.md", "Leaving", "When the client leaves, the stream is closed in its own task."),
]


@asynccontextmanager
async def offline_client() -> AsyncGenerator[openai.AsyncOpenAI, None]:
    async with (
        offline_service() as service,
        openai.AsyncOpenAI(
            base_url=service.base_url,
            api_key=service.api_key,
            timeout=10,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
        ) as client,
    ):
        yield client


async def test_a_stream_has_one_id_a_role_first_and_a_finish_reason_last() -> None:
    async with offline_client() as client:
        stream = await client.chat.completions.create(
            model="jero-offline", messages=[{"role": "user", "content": "What is jero?"}], stream=True
        )
        chunks = [chunk async for chunk in stream]

    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert [delta.role for delta in deltas] == ["assistant"] + [None] * (len(deltas) - 1)
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert "jero" in "".join(delta.content or "" for delta in deltas)


async def test_a_whole_answer_equals_the_streamed_answer() -> None:
    async with offline_client() as client:
        whole = await client.chat.completions.create(
            model="jero-offline",
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "What is jero?"}]},
            ],
        )
        stream = await client.chat.completions.create(
            model="jero-offline", messages=[{"role": "user", "content": "What is jero?"}], stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]

    assert whole.choices[0].finish_reason == "stop"
    assert whole.choices[0].message.role == "assistant"
    assert whole.choices[0].message.content == "".join(pieces)


async def test_an_unknown_model_is_refused_as_openai_does() -> None:
    async with offline_client() as client:
        with pytest.raises(openai.NotFoundError) as refused:
            await client.chat.completions.create(model="gpt-1", messages=[{"role": "user", "content": "Who?"}])

    assert refused.value.code == "model_not_found"
    assert refused.value.param == "model"


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"model": "jero-offline"}', "application/json", 422),
        (b'{"model": "jero-offline", "messages": []}', "application/json", 422),
        (b"{}", "text/plain", 415),
    ],
)
async def test_a_malformed_request_is_refused_in_the_form_of_openai(body: bytes, media_type: str, status: int) -> None:
    async with offline_service() as service, httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(
            f"{service.base_url}/chat/completions", content=body, headers={"Content-Type": media_type}
        )

    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]


def test_the_model_quotes_matching_passages_and_names_their_pages() -> None:
    answer = OfflineModel(PASSAGES).answer("What happens when a client is leaving?")

    assert "the offline model" in answer
    assert "From docs/streams.md, under “Leaving”:\n\nWhen the client leaves" in answer
    assert "Bread" not in answer


@pytest.mark.parametrize("passages", [PASSAGES, []])
def test_the_model_reports_that_nothing_matches(passages: list[Passage]) -> None:
    assert "No passage matches" in OfflineModel(passages).answer("Quantum chromodynamics?")


@pytest.mark.parametrize("answer", ["", "one", "one two three", " a\n\n  b c\n```\nd  e\n```\n"])
def test_few_words_joined_are_the_answer(answer: str) -> None:
    pieces = few_words(answer)

    assert "".join(pieces) == answer
    assert all(1 <= len(piece.split()) <= 2 for piece in pieces)
