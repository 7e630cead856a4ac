"""Asking a chat-completions service, and passing its words on as they come."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Final

import msgspec
from msgspec import Struct
from openai import AsyncOpenAI, AsyncStream, DefaultAsyncHttpxClient, OpenAIError, Timeout
from openai.types.chat import ChatCompletionChunk

from demo_app.settings import Service
from demo_app.upstream_problems import UpstreamFailed, problem_for

logger = logging.getLogger("demo_app.answers")

CONNECT_TIMEOUT: Final = 5.0
# A service that stops for one of these has not said all.
CUT_SHORT: Final = frozenset({"length", "content_filter"})


class Delta(Struct):
    """What a chunk adds to the answer."""

    content: str | None = None


class Choice(Struct):
    """The answer's progress; only the first choice is asked for."""

    delta: Delta
    finish_reason: str | None = None


class Chunk(Struct):
    """What is read of an upstream's chunk. The client hands it over unchecked, and upstreams differ."""

    choices: list[Choice]


class Answers:
    """Answers of one service, word by word.

    `patience`: seconds that the first word may take, and that the service may fall silent for after it.
    """

    def __init__(self, client: AsyncOpenAI, model: str, patience: float) -> None:
        self._client = client
        self._model = model
        self.patience = patience

    async def to(self, question: str) -> AsyncGenerator[str, None]:
        """The answer as it comes; leaving it ends the request to the service.

        Raises a problem of `upstream_problems` for all that can go wrong, an answer that stops half way included.
        """
        try:
            async with asyncio.timeout(self.patience) as deadline, await self._ask(question) as completion:
                finish_reason: str | None = None
                async for chunk in completion:
                    for choice in msgspec.convert(chunk, Chunk, from_attributes=True).choices:
                        finish_reason = choice.finish_reason or finish_reason
                        if choice.delta.content:
                            deadline.reschedule(None)
                            yield choice.delta.content
                _check_finish(finish_reason)
        except (OpenAIError, UpstreamFailed, TimeoutError, ValueError, msgspec.ValidationError) as error:
            problem = problem_for(error)
            logger.warning("%s (%s)", problem.detail, _causes(error))
            raise problem from None

    async def _ask(self, question: str) -> AsyncStream[ChatCompletionChunk]:
        return await self._client.chat.completions.create(
            model=self._model, messages=[{"role": "user", "content": question}], stream=True
        )


def _causes(error: BaseException | None) -> str:
    """What led to the error, by name alone: a message is the upstream's own, and may repeat the key."""
    names: list[str] = []
    while error is not None:
        names.append(type(error).__name__)
        error = error.__cause__
    return ", by ".join(names)


def _check_finish(finish_reason: str | None) -> None:
    if finish_reason is None:
        raise UpstreamFailed("The upstream's answer ended without its end.")
    if finish_reason in CUT_SHORT:
        raise UpstreamFailed(f"The upstream cut its answer short: {finish_reason}.")


def openai_client(service: Service, patience: float) -> AsyncOpenAI:
    """A client of the service; entered, it is closed on leaving."""
    return AsyncOpenAI(
        base_url=service.base_url,
        api_key=service.api_key,
        timeout=Timeout(patience, connect=min(patience, CONNECT_TIMEOUT)),
        max_retries=0,
        # The environment's proxies are for the world outside, not for a server in this process.
        http_client=DefaultAsyncHttpxClient(trust_env=not service.is_embedded),
    )
