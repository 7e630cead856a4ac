"""Counts the tokens of each answer, for a gateway in OpenAI's dialect: give its endpoint `CountingUpstreams`."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import UNSET, Raw, Struct
from msgspec.json import decode, encode
from upstreams import Request, Upstreams, read

from jero import ServerSentEvent

logger = logging.getLogger("gateway")


class Usage(Struct):
    prompt_tokens: int
    completion_tokens: int


class Counted(Struct):
    """The fields of a whole answer, or of a chunk, that count."""

    choices: list[Raw] = []
    usage: Usage | None = None


class Known(Struct):
    stream_options: dict[str, Raw] | None = None


class StreamOptions(Struct):
    include_usage: bool | None = None


class CountingUpstreams(Upstreams):
    async def complete(self, request: Request) -> Raw:
        answer = await super().complete(request)
        self.record(decode(answer, type=Counted).usage, chunks=0)
        return answer

    async def events(self, request: Request) -> AsyncGenerator[ServerSentEvent[Raw], None]:
        options = read(request, Known).stream_options or {}
        is_asked_for = read(options, StreamOptions).include_usage
        request = {**request, "stream_options": Raw(encode({**options, "include_usage": True}))}
        usage, chunks = None, 0
        try:
            async with aclosing(super().events(request)) as events:
                async for event in events:
                    # An event that has a name and no data is possible: its data is `UNSET`.
                    counted = Counted() if event.data is UNSET else decode(event.data, type=Counted)
                    usage = counted.usage or usage
                    if counted.choices or not counted.usage or is_asked_for:
                        yield event
                        chunks += bool(counted.choices)
        finally:
            self.record(usage, chunks)

    def record(self, usage: Usage | None, chunks: int) -> None:
        """Override it to keep accounts. `usage` is `None` if the stream ended before the service sent it."""
        logger.info("usage: %s, chunks: %s", usage, chunks)
