"""Asks a chat-completions service, and yields its words as they arrive."""

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
# For these reasons a service stops before its answer is complete.
CUT_SHORT: Final = frozenset({"length", "content_filter"})


class Delta(Struct):
    """The text that a chunk adds to the answer."""

    content: str | None = None


class Choice(Struct):
    """The part of a chunk that continues one answer. The demo asks the upstream for one answer only."""

    delta: Delta
    finish_reason: str | None = None


class Chunk(Struct):
    """The part of an upstream's chunk that is read. It is checked here: the client does not, and upstreams differ."""

    choices: list[Choice]


class Answers:
    """Answers of one service, word by word.

    `upstream_timeout`: seconds until the first word has to arrive, and the longest silence after it.
    """

    def __init__(self, client: AsyncOpenAI, model: str, upstream_timeout: float) -> None:
        self._client = client
        self._model = model
        self.upstream_timeout = upstream_timeout

    async def to(self, question: str) -> AsyncGenerator[str, None]:
        """Yields the answer as it arrives. Closing the generator ends the request to the service.

        Raises a problem of `upstream_problems` if the service fails, also if its answer is not complete.
        """
        try:
            async with asyncio.timeout(self.upstream_timeout) as deadline, await self._ask(question) as completion:
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
    """Returns the names of the error and its causes. Their messages may contain the key, so they are left out."""
    names: list[str] = []
    while error is not None:
        names.append(type(error).__name__)
        error = error.__cause__
    return " from ".join(names)


def _check_finish(finish_reason: str | None) -> None:
    if finish_reason is None:
        raise UpstreamFailed("The upstream's answer ended without a finish reason.")
    if finish_reason in CUT_SHORT:
        raise UpstreamFailed(f"The upstream cut its answer short: {finish_reason}.")


def openai_client(service: Service, upstream_timeout: float) -> AsyncOpenAI:
    """Returns a client of the service, a context manager that closes it."""
    return AsyncOpenAI(
        base_url=service.base_url,
        api_key=service.api_key,
        timeout=Timeout(upstream_timeout, connect=min(upstream_timeout, CONNECT_TIMEOUT)),
        max_retries=0,
        # The environment's proxies must not be used for a server in this process.
        http_client=DefaultAsyncHttpxClient(trust_env=not service.is_embedded),
    )
