"""No Redis: for tests that need a log of a Redis stream, but nothing of the stream."""

from collections.abc import Sequence
from typing import Any

from jero.channels.kind import KindOptions
from jero.channels.redis_access import MessageFollower, RedisAccess, StreamFollower


class NoAccess(RedisAccess):
    """Refuses everything: the ring has all events of these tests."""

    @property
    def last_error(self) -> Exception | None:
        return None

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        raise AssertionError

    async def append(self, key: str, options: KindOptions, content: Sequence[str | bytes]) -> bytes:
        raise AssertionError

    def listen(self, log: MessageFollower) -> None:
        raise AssertionError

    def ignore(self, log: MessageFollower) -> None:
        raise AssertionError

    def read_soon(self, log: StreamFollower) -> None:
        raise AssertionError
