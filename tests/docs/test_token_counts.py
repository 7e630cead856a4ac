"""Counts the tokens of the stand-in's answers, all in this process, through the example's `CountingUpstreams`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import chat_service
import openai_gateway
import pytest
from msgspec import UNSET, Raw
from token_counts import CountingUpstreams, Usage

from jero import BaseApp, Endpoint, EventStreamResponse, ServerSentEvent
from jero.testing import AsyncTestClient

CHAT = "/v1/chat/completions"


class Accounts(CountingUpstreams):
    recorded: list[tuple[Usage | None, int]]

    def record(self, usage: Usage | None, chunks: int) -> None:
        self.recorded.append((usage, chunks))


class Gateway(BaseApp):
    """The example's endpoint, whose upstream counts."""

    def __init__(self, upstreams: CountingUpstreams) -> None:
        super().__init__()
        self._upstreams = upstreams

    async def _wire(self) -> None:
        self._include_endpoint(openai_gateway.ChatEndpoint(self._upstreams))


@asynccontextmanager
async def gateway_to(service: BaseApp) -> AsyncGenerator[tuple[AsyncTestClient, Accounts], None]:
    async with AsyncTestClient(service) as upstream:
        accounts = Accounts([upstream], CHAT, until="[DONE]")
        accounts.recorded = []
        async with AsyncTestClient(Gateway(accounts)) as client:
            yield client, accounts


def asking(question: str, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": question}], **fields}


async def chunks(client: AsyncTestClient, **fields: Any) -> list[Any]:
    request = asking("Who is there?", stream=True, **fields)
    async with client.events(CHAT, dict[str, Any], method="POST", json=request, until="[DONE]") as events:
        return [event.data async for event in events]


@pytest.mark.parametrize("options", [{}, {"stream_options": None}, {"stream_options": {"include_usage": False}}])
async def test_usage_is_counted_and_not_passed_on_unless_it_is_asked_for(options: dict[str, Any]) -> None:
    async with gateway_to(chat_service.App()) as (client, accounts):
        found = await chunks(client, **options)
    assert [len(chunk["choices"]) for chunk in found] == [1, 1, 1, 1]
    assert accounts.recorded == [(Usage(prompt_tokens=3, completion_tokens=3), 4)]


async def test_usage_that_is_asked_for_is_passed_on() -> None:
    async with gateway_to(chat_service.App()) as (client, accounts):
        *_, last = await chunks(client, stream_options={"include_usage": True})
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    assert accounts.recorded == [(Usage(prompt_tokens=3, completion_tokens=3), 4)]


async def test_the_usage_of_a_whole_answer_is_counted() -> None:
    async with gateway_to(chat_service.App()) as (client, accounts):
        response = await client.post(CHAT, json=asking("Who is there?"))
    assert response.json()["usage"]["total_tokens"] == 6
    assert accounts.recorded == [(Usage(prompt_tokens=3, completion_tokens=3), 0)]


async def test_only_the_chunks_are_known_if_the_client_leaves() -> None:
    async with gateway_to(chat_service.App()) as (client, accounts):
        request = asking("Please wait here.", stream=True)
        async with client.events(CHAT, Raw, method="POST", json=request) as events:
            await anext(events)
            await anext(events)
    [(usage, count)] = accounts.recorded
    assert usage is None
    assert count in (1, 2)


async def test_wrong_options_are_refused() -> None:
    async with gateway_to(chat_service.App()) as (client, accounts):
        for wrong in (1, {"include_usage": "yes"}):
            response = await client.post(CHAT, json=asking("Who?", stream=True, stream_options=wrong))
            assert response.status_code == 422
    assert accounts.recorded == []


class OddEndpoint(Endpoint, path=CHAT):
    """Sends an event without data, and an error as an event."""

    async def post(self) -> EventStreamResponse[str]:
        odd = [ServerSentEvent(event="alive", data=""), ServerSentEvent(data='{"error":{}}')]
        return EventStreamResponse(stream=odd, last=ServerSentEvent(data="[DONE]"))


class OddService(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(OddEndpoint())


async def test_events_without_choices_and_usage_are_passed_on() -> None:
    async with gateway_to(OddService()) as (_, accounts):
        found = [event.data async for event in accounts.events({"stream": Raw(b"true")})]
    assert found == [UNSET, Raw(b'{"error":{}}')]
    assert accounts.recorded == [(None, 0)]
