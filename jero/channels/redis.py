"""Events in Redis streams, for channels of any number of processes and machines."""

import asyncio
import logging
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from jero.channels.backoff import Backoff
from jero.channels.lua import PUBLISH, READ
from jero.channels.redis_log import PAGE_EVENTS, Commands, RedisLog, reading_of
from jero.channels.store import ChannelUnavailable, EventLog, Store

logger = logging.getLogger("jero.channels")

# One command may take so long before another connection is tried.
ATTEMPT_SECONDS: Final = 2.0
# How many of the events that are there already a channel begins with.
NEWEST_EVENTS: Final = 1_000
# A channel that Redis refuses to read is tried again so often.
REFUSED_SECONDS: Final = 1.0

_FAILURES: Final = (RedisError, OSError, TimeoutError)


class RedisStore(Store):
    """Channels in the Redis at `url`: "redis://localhost:6379/0", or "rediss://", or "unix://".

    `prefix`: what the names of its keys begin with. `connections`: how many commands are under way at once at the most;
    one connection more waits for what is published in all channels. `heartbeat`: seconds after
    which a Redis that has nothing new is to say so, for a connection may be lost without a sign.

    Entering it raises `ChannelUnavailable` where Redis does not answer. `ValueError` for a `heartbeat` that is not
    positive.
    """

    def __init__(self, url: str, *, prefix: str = "jero:", connections: int = 8, heartbeat: float = 10.0) -> None:
        if not heartbeat > 0:
            raise ValueError(f"RedisStore(heartbeat={heartbeat!r}): it is a positive number of seconds.")
        super().__init__()
        self._prefix = prefix
        self._commands = _Commands(url, connections)
        self._reader = _Reader(url, heartbeat)

    async def _open(self) -> None:
        try:
            await self._commands.check()
        except _FAILURES as error:
            await self._commands.close()
            raise ChannelUnavailable("Redis does not answer.") from error
        self._reader.start()

    async def _close(self) -> None:
        await self._reader.close()
        await self._commands.close()

    def _make_log(self, name: str, history: int) -> EventLog:
        log = RedisLog(self._commands, self._prefix, name, history)
        self._reader.add(log)
        return log


class _Commands(Commands):
    """What is asked of Redis and answered at once."""

    def __init__(self, url: str, connections: int) -> None:
        self._redis = _client(url, connections)
        self._lanes = asyncio.Semaphore(connections)
        self._scripts = {script: self._redis.register_script(script) for script in (PUBLISH, READ)}

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        backoff = Backoff()
        while True:
            try:
                async with self._lanes, asyncio.timeout(ATTEMPT_SECONDS):
                    return await self._scripts[script](keys, arguments)
            except _FAILURES as error:
                self.failures += 1
                self.fault = error
            await backoff.wait()

    async def check(self) -> None:
        """Raises what keeps Redis from answering."""
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await self._redis.execute_command("PING")

    async def close(self) -> None:
        """Ends the connections."""
        await self._redis.connection_pool.disconnect()


class _Reader:
    """The one task, with the one connection, that waits for what comes in all channels."""

    def __init__(self, url: str, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._redis = _client(url, 1)
        self._redis.set_response_callback("XREAD", _as_it_is)
        self._read = self._redis.register_script(READ)
        self._logs: dict[bytes, RedisLog] = {}
        # Those of which it is not known that their rings are all that Redis has.
        self._behind: set[RedisLog] = set()
        # Those that Redis refuses to read, as where a key holds something else than a stream.
        self._refused: set[RedisLog] = set()
        self._asks_again_at = 0.0
        self._has_logs = asyncio.Event()
        self._waiting: asyncio.Timeout | None = None
        self._task: asyncio.Task[None] | None = None
        self._gone_at: float | None = None

    def start(self) -> None:
        """Begins to read."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="channels on Redis")

    def add(self, log: RedisLog) -> None:
        """One channel more."""
        self._logs[log.key.encode()] = log
        self._behind.add(log)
        self._has_logs.set()
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Reads no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self._redis.connection_pool.disconnect()

    async def _run(self) -> None:
        backoff = Backoff()
        while True:
            await self._has_logs.wait()
            try:
                while self._behind:
                    for log in list(self._behind):
                        await self._catch_up(log)
                self._is_back()
                await self._read_on()
                backoff.reset()
            except Exception as error:
                self._is_gone(error)
                self._behind.update(self._logs.values())
                await self._redis.connection_pool.disconnect()
                await backoff.wait()

    async def _catch_up(self, log: RedisLog) -> None:
        """Reads without waiting, and with an eye to what is missing."""
        if log.is_ready:
            after, count = log.id_of(log.ring.top), PAGE_EVENTS
        else:
            after, count = "", min(log.history, NEWEST_EVENTS)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                reading = reading_of(await self._read([log.key], [after, count]))
        except ResponseError as error:
            self._is_refused(log, error)
            return
        self._is_read_again(log)
        if after:
            log.go_on(reading)
        else:
            log.start(reading)
        if not after or len(reading.entries) < count:
            self._behind.discard(log)

    async def _read_on(self) -> None:
        """Waits for what comes next, in any channel, and gives it to its log."""
        answer: Any = None
        seconds = REFUSED_SECONDS if self._refused else self._heartbeat
        try:
            async with asyncio.timeout(seconds + ATTEMPT_SECONDS) as self._waiting:
                answer = await self._next(seconds)
        except TimeoutError:
            if not self._behind:
                raise
            return
        finally:
            self._waiting = None
        if not answer:
            self._behind.update(self._logs.values())
        elif self._refused and monotonic() > self._asks_again_at:
            self._behind |= self._refused
        found: Any = answer.items() if hasattr(answer, "items") else answer or ()
        for key, entries in found:
            log = self._logs[key]
            if len(entries) < min(PAGE_EVENTS, log.history):
                log.extend(entries)
            else:  # so many may come that some were dropped before they were read
                self._behind.add(log)

    async def _next(self, seconds: float) -> Any:
        """What comes next, in all channels that can be read; nothing where nothing comes for so long."""
        logs = {key: log for key, log in self._logs.items() if log not in self._refused}
        if not logs:
            await asyncio.sleep(seconds)
            return None
        ids = [log.id_of(log.ring.top) for log in logs.values()]
        milliseconds = max(1, int(seconds * 1000))
        command = ("XREAD", "COUNT", PAGE_EVENTS, "BLOCK", milliseconds, "STREAMS", *logs, *ids)
        return await self._redis.execute_command(*command)

    def _is_refused(self, log: RedisLog, error: ResponseError) -> None:
        self._behind.discard(log)
        self._asks_again_at = monotonic() + REFUSED_SECONDS
        if log not in self._refused:
            self._refused.add(log)
            logger.warning("%s cannot be read, and is tried on: %s", log.key, error)

    def _is_read_again(self, log: RedisLog) -> None:
        if log in self._refused:
            self._refused.discard(log)
            logger.warning("%s can be read again", log.key)

    def _is_gone(self, error: Exception) -> None:
        if self._gone_at is None:
            self._gone_at = monotonic()
            logger.warning("Redis does not answer, and is tried on: %s", str(error) or type(error).__name__)

    def _is_back(self) -> None:
        if self._gone_at is not None:
            logger.warning("Redis answers again, after %.1f s", monotonic() - self._gone_at)
            self._gone_at = None


def _client(url: str, connections: int) -> Any:  # what it answers has no type that a checker could know
    pools: Any = ConnectionPool
    pool = pools.from_url(url, max_connections=connections, retry=Retry(NoBackoff(), 0))
    pool.connection_kwargs.update(decode_responses=False, socket_timeout=None)  # whatever the URL says
    return Redis(connection_pool=pool)


def _as_it_is(response: Any, **options: Any) -> Any:
    return response
