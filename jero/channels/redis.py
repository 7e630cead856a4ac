"""Channels on Redis: assembles what publishes, what listens, and what reads."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final

from jero.channels.keys import key_of
from jero.channels.kind import Kind, KindOptions
from jero.channels.log import EventLog
from jero.channels.redis_listener import Listener
from jero.channels.redis_log import APPEND, READ, RedisAccess, RedisLog
from jero.channels.redis_reader import StreamReader
from jero.channels.redis_scripts import FAILURES, RetryingScripts
from jero.channels.store import ChannelUnavailable, Store

# How often the expiry of a stream with subscribers is renewed while it is kept.
RENEWALS: Final = 3
# How many streams are renewed in one pipeline.
RENEWED_TOGETHER: Final = 500


class RedisStore(Store):
    """Channels in the Redis at `url`: "redis://localhost:6379/0", or a URL with "rediss://" or "unix://".

    `prefix`: the beginning of all its keys. `connections`: how many events are published at once, at most. A quarter as
    many connections more, at least one, read old events for subscribers that come back, so that no number of them
    delays a publisher. One connection more listens to new events, and one reads what it has missed. `heartbeat`: if no
    event comes for this number of seconds, Redis must answer anyway, so that a lost connection is noticed.
    `wait_replicas`: how many replicas of this Redis must have an event before `publish` returns, so that fewer events
    are lost if one of them replaces it.

    Entering the store raises `ChannelUnavailable` if Redis does not answer. Raises `ValueError` if `connections` is
    less than 1, `heartbeat` is not positive, or `wait_replicas` is negative.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "jero:",
        connections: int = 8,
        heartbeat: float = 10.0,
        wait_replicas: int = 0,
    ) -> None:
        if connections < 1:
            raise ValueError(f"RedisStore(connections={connections!r}): it must be at least 1.")
        if not heartbeat > 0:
            raise ValueError(f"RedisStore(heartbeat={heartbeat!r}): it must be a positive number of seconds.")
        if wait_replicas < 0:
            raise ValueError(f"RedisStore(wait_replicas={wait_replicas!r}): it must be at least 0.")
        super().__init__()
        self._prefix = prefix
        self._scripts = RetryingScripts(url, {APPEND: connections, READ: max(1, connections // 4)}, wait_replicas)
        self._listener = Listener(url, heartbeat, self._turn)
        self._reader = StreamReader(url)
        self._access = _Access(self._scripts, self._listener, self._reader)
        self._renewals: dict[Kind, asyncio.Task[None]] = {}

    async def _open(self) -> None:
        try:
            await self._scripts.ping()
        except FAILURES as error:
            await self._scripts.close()
            raise ChannelUnavailable("Redis does not answer.") from error
        self._listener.start()
        self._reader.start()

    async def _close(self) -> None:
        for renewal in self._renewals.values():
            renewal.cancel()
        if self._renewals:
            await asyncio.wait(self._renewals.values())
        self._renewals.clear()
        await self._listener.close()
        await self._reader.close()
        await self._scripts.close()

    def _make_log(self, kind: Kind, name: str) -> EventLog:
        keep = kind.options.keep
        if self._is_open and keep is not None and kind not in self._renewals:
            renewing = self._renew(kind, keep)
            self._renewals[kind] = asyncio.get_running_loop().create_task(renewing, name=f"renewals of {kind.name}")
        key = key_of(self._prefix, kind.name, name)
        return RedisLog(self._access, key, name, kind.options, self._turn, kind.entries)

    async def _renew(self, kind: Kind, keep: float) -> None:
        """Renews the expiry of streams with subscribers, again and again, so that a silent one does not look lost."""
        while True:
            await asyncio.sleep(keep / RENEWALS)
            used = [log.key for log in kind.logs.values() if isinstance(log, RedisLog) and log.counters.subscribers]
            for at in range(0, len(used), RENEWED_TOGETHER):
                with contextlib.suppress(*FAILURES):  # the next renewal comes in time
                    await self._scripts.renew(used[at : at + RENEWED_TOGETHER], keep)


class _Access(RedisAccess):
    """The connections of a store, as its channels see them."""

    def __init__(self, scripts: RetryingScripts, listener: Listener, reader: StreamReader) -> None:
        self._scripts = scripts
        self._listener = listener
        self._reader = reader

    @property
    def last_error(self) -> Exception | None:
        return self._scripts.last_error

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        return await self._scripts.run(script, keys, arguments)

    async def append(self, key: str, options: KindOptions, content: Sequence[str | bytes]) -> bytes:
        return await self._scripts.append(key, self._listener.channel_of(key), options, content)

    def listen(self, log: RedisLog) -> None:
        self._listener.listen(log)

    def ignore(self, log: RedisLog) -> None:
        self._listener.ignore(log)

    def read_soon(self, log: RedisLog) -> None:
        self._reader.read_soon(log)
