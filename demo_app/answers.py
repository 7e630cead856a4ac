"""Asks a chat-completions service, and yields its words as they arrive."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import msgspec

from demo_app.chunks import Progress, TextChunk
from demo_app.metrics import Metrics
from demo_app.upstream import Upstream
from demo_app.upstream_problems import UpstreamFailed, upstream_failures
from jero.client import EventStream

# For these reasons a service stops before its answer is complete.
CUT_SHORT: Final = frozenset({"length", "content_filter"})


class Answers:
    """Answers of one service, word by word.

    `upstream_timeout`: seconds until the first word has to arrive, and the longest silence after it.
    """

    def __init__(self, upstream: Upstream, metrics: Metrics) -> None:
        self._upstream = upstream
        self._metrics = metrics
        self.upstream_timeout = upstream.timeout

    async def to(self, question: str) -> AsyncGenerator[str, None]:
        """Yields the answer as it arrives. Closing the generator ends the request to the service.

        Raises a problem of `upstream_problems` if the service fails, also if its answer is not complete.
        """
        progress = Progress()
        try:
            with upstream_failures():
                async with (
                    asyncio.timeout(self.upstream_timeout) as deadline,
                    self._upstream.events(TextChunk, self._request(question)) as events,
                    aclosing(_words(events, progress)) as words,
                ):
                    async for word in words:
                        deadline.reschedule(None)
                        yield word
        finally:
            self._metrics.count_tokens(progress.usage)

    def _request(self, question: str) -> bytes:
        messages = [{"role": "user", "content": question}]
        return msgspec.json.encode({"model": self._upstream.model, "messages": messages, "stream": True})


async def _words(events: EventStream[TextChunk], progress: Progress) -> AsyncGenerator[str, None]:
    with progress.until_complete():
        async for event in events:
            if not event.data:  # a ping
                continue
            progress.note(event.data, event.event)
            for choice in event.data.choices or ():
                # A model that declines says so in `refusal`. Those are its words, too.
                text = choice.delta and (choice.delta.content or choice.delta.refusal)
                if text:
                    yield text
    _check_finish(progress.finish_reasons.get(0))


def _check_finish(finish_reason: str | None) -> None:
    if finish_reason is None:
        raise UpstreamFailed("The upstream's answer ended without a finish reason.")
    if finish_reason in CUT_SHORT:
        raise UpstreamFailed(f"The upstream cut its answer short: {finish_reason}.")
