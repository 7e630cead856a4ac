"""Whether a stream may begin."""

import random
from types import TracebackType
from typing import Final

from jero.errors import ServiceUnavailable
from jero.streaming.open_streams import OpenStreams

# Seconds after which a refused client is asked to come back, each at a time of its own.
RETRY_AFTER: Final = (1, 5)


class Admission:
    """Counts what is under way of one policy's streams, from before their handler to their end.

    Entering it raises `ServiceUnavailable` with a `Retry-After` while `limit` of them are open, or while the server is
    going down.
    """

    def __init__(self, limit: int | None, streams: OpenStreams) -> None:
        self._limit = limit
        self._streams = streams
        self._open = 0

    def __enter__(self) -> None:
        if self._streams.is_draining:
            raise _refusal("The server is going down.")
        if self._limit is not None and self._open >= self._limit:
            raise _refusal("As many streams as are allowed are open.")
        self._open += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open -= 1


def _refusal(detail: str) -> ServiceUnavailable:
    seconds = random.randint(*RETRY_AFTER)  # noqa: S311 - spreads a crowd, and is no secret
    return ServiceUnavailable(detail, headers={"Retry-After": str(seconds)})
