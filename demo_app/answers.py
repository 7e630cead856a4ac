"""Asks a chat-completions service, and yields its words as they arrive."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

import httpx
from msgspec import Struct, field

from demo_app.settings import Service
from demo_app.upstream_problems import UpstreamFailed, problem_for
from jero import ServerSentEvent, StreamFailed
from jero.client import EventStream, StreamClient, StreamCut

logger = logging.getLogger("demo_app.answers")

CONNECT_TIMEOUT: Final = 5.0
# For these reasons a service stops before its answer is complete.
CUT_SHORT: Final = frozenset({"length", "content_filter"})


class Delta(Struct):
    """The text that a chunk adds to the answer."""

    content: str | None = None


class Choice(Struct):
    """The part of a chunk that continues one answer. The demo asks the upstream for one answer only."""

    delta: Delta = field(default_factory=Delta)
    finish_reason: str | None = None


class Chunk(Struct):
    """The part of an upstream's chunk that is read. Upstreams differ, and some chunks have no choices."""

    choices: list[Choice] | None = None
    error: Any = None


class Answers:
    """Answers of one service, word by word.

    `upstream_timeout`: seconds until the first word has to arrive, and the longest silence after it.
    """

    def __init__(self, client: StreamClient, model: str, upstream_timeout: float) -> None:
        self._client = client
        self._model = model
        self.upstream_timeout = upstream_timeout

    async def to(self, question: str) -> AsyncGenerator[str, None]:
        """Yields the answer as it arrives. Closing the generator ends the request to the service.

        Raises a problem of `upstream_problems` if the service fails, also if its answer is not complete.
        """
        try:
            async with (
                asyncio.timeout(self.upstream_timeout) as deadline,
                self._ask(question) as events,
                aclosing(_words(events)) as words,
            ):
                async for word in words:
                    deadline.reschedule(None)
                    yield word
        except (httpx.HTTPError, StreamFailed, UpstreamFailed, TimeoutError, ValueError, RecursionError) as error:
            problem = problem_for(error)
            logger.warning("%s (%s)", problem.detail, _causes(error))
            raise problem from None

    def _ask(self, question: str) -> EventStream[Chunk]:
        request = {"model": self._model, "messages": [{"role": "user", "content": question}], "stream": True}
        return self._client.events("chat/completions", Chunk, method="POST", json=request, until="[DONE]")


async def _words(events: EventStream[Chunk]) -> AsyncGenerator[str, None]:
    finish_reason: str | None = None
    try:
        async for event in events:
            for choice in _choices(event):
                finish_reason = choice.finish_reason or finish_reason
                if choice.delta.content:
                    yield choice.delta.content
    except StreamCut:  # some services send no [DONE]: the finish reason shows that the answer is complete
        if finish_reason is None:
            raise
    _check_finish(finish_reason)


def _choices(event: ServerSentEvent[Chunk]) -> Sequence[Choice]:
    if not event.data:  # a ping
        return ()
    if event.data.error is not None:
        raise UpstreamFailed("The upstream sent an error instead of an answer.")
    return event.data.choices or ()


def _check_finish(finish_reason: str | None) -> None:
    if finish_reason is None:
        raise UpstreamFailed("The upstream's answer ended without a finish reason.")
    if finish_reason in CUT_SHORT:
        raise UpstreamFailed(f"The upstream cut its answer short: {finish_reason}.")


def _causes(error: BaseException | None) -> str:
    """Returns the names of the error and its causes. Their messages may contain the key, so they are left out."""
    names: list[str] = []
    while error is not None:
        names.append(type(error).__name__)
        error = error.__cause__
    return " from ".join(names)


def service_client(service: Service, upstream_timeout: float) -> StreamClient:
    """Returns a client of the service, a context manager that closes it."""
    return StreamClient(
        service.base_url,
        headers={"Authorization": f"Bearer {service.api_key}"},
        timeout=httpx.Timeout(upstream_timeout, connect=min(upstream_timeout, CONNECT_TIMEOUT)),
        idle_timeout=upstream_timeout,
        follow_redirects=True,
        # The environment's proxies must not be used for a server in this process.
        trust_env=not service.is_embedded,
    )
