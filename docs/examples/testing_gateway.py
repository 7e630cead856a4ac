"""Tests of the gateway without a network: run `pytest testing_gateway.py`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import chat_service
import openai_gateway
import pytest

from jero import StreamOutcome
from jero.testing import AsyncTestClient

CHAT = "/v1/chat/completions"


class Service(chat_service.App):
    """The stand-in, which also notes how its streams ended."""

    def __init__(self) -> None:
        super().__init__()
        self.endings: list[str] = []

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.endings.append(outcome.reason)


@asynccontextmanager
async def gateway_to(service: Service) -> AsyncGenerator[AsyncTestClient, None]:
    async with AsyncTestClient(service) as upstream, AsyncTestClient(openai_gateway.App([upstream])) as client:
        yield client


def asking(question: str, *, stream: bool) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": question}], "stream": stream}


@pytest.mark.asyncio
async def test_leaving_ends_the_request_to_the_service() -> None:
    service = Service()
    async with gateway_to(service) as client:
        async with client.stream("POST", CHAT, json=asking("Please wait here.", stream=True)) as response:
            assert "Please" in await anext(response.aiter_lines())
        assert service.endings == ["disconnected"]


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_keeps_its_status_and_the_time_to_wait(*, stream: bool) -> None:
    async with gateway_to(Service()) as client:
        response = await client.post(CHAT, json=asking("Are you busy?", stream=stream))
    assert (response.status_code, response.headers["Retry-After"]) == (429, "20")
    assert response.json()["error"]["message"] == "Ask again later."


@pytest.mark.asyncio
async def test_a_cut_is_reported_in_the_last_event() -> None:
    async with gateway_to(Service()) as client:
        response = await client.post(CHAT, json=asking("Please die now.", stream=True))
    *chunks, last = [line for line in response.text.splitlines() if line]
    assert len(chunks) == 2
    assert last.startswith('data: {"error":{"message":"The upstream failed."')
