"""Connects channels to Redis: one task reads the new events of all channels, other connections publish or replay."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import EqualJitterBackoff, NoBackoff
from redis.exceptions import RedisError, ResponseError

from jero.channels.keys import key_of
from jero.channels.kind import Kind
from jero.channels.log import EventLog
from jero.channels.redis_log import (
    NEWEST_BYTES,
    NEWEST_EVENTS,
    PAGE_BYTES,
    PAGE_EVENTS,
    PUBLISH,
    READ,
    RedisLog,
    ScriptRunner,
    make_snapshot,
)
from jero.channels.store import ChannelUnavailable, Store

logger = logging.getLogger("jero.channels")

# How long a command may take before it is repeated on another connection.
ATTEMPT_SECONDS: Final = 2.0
# How often a channel is retried if its key cannot be read.
UNREADABLE_SECONDS: Final = 1.0

# A wait between attempts doubles from 0.05 s to 2 s. Half of it is random, so that processes do not return all at once.
_BACKOFF: Final = EqualJitterBackoff(cap=2.0, base=0.05)
# The wait is at its longest by then. More doublings would overflow after a long outage.
_MOST_DOUBLINGS: Final = 10

_FAILURES: Final = (RedisError, OSError, TimeoutError)


class RedisStore(Store):
    """Channels in the Redis at `url`: "redis://localhost:6379/0", or a URL with "rediss://" or "unix://".

    `prefix`: the beginning of all its keys. `connections`: how many events are published at once, at most. A quarter as
    many connections more, at least one, read old events for subscribers that come back, so that no number of them
    delays a publisher. One connection more waits for new events. `heartbeat`: if no event comes for this number of
    seconds, Redis must answer anyway, so that a lost connection is noticed.

    Entering the store raises `ChannelUnavailable` if Redis does not answer. Raises `ValueError` if `connections` is
    less than 1, or if `heartbeat` is not positive.
    """

    def __init__(self, url: str, *, prefix: str = "jero:", connections: int = 8, heartbeat: float = 10.0) -> None:
        if connections < 1:
            raise ValueError(f"RedisStore(connections={connections!r}): it must be at least 1.")
        if not heartbeat > 0:
            raise ValueError(f"RedisStore(heartbeat={heartbeat!r}): it must be a positive number of seconds.")
        super().__init__()
        self._prefix = prefix
        self._scripts = _RetryingScripts(url, {PUBLISH: connections, READ: max(1, connections // 4)})
        self._reader = _StreamReader(url, heartbeat)

    async def _open(self) -> None:
        try:
            await self._scripts.ping()
        except _FAILURES as error:
            await self._scripts.close()
            raise ChannelUnavailable("Redis does not answer.") from error
        self._reader.start()

    async def _close(self) -> None:
        await self._reader.close()
        await self._scripts.close()

    def _make_log(self, kind: Kind, name: str) -> EventLog:
        key = key_of(self._prefix, kind.name, name)
        log = RedisLog(self._scripts, key, name, kind.options, self._turn, kind.entries)
        self._reader.add(log)
        return log


class _RetryingScripts(ScriptRunner):
    """Runs each script on connections of its own, so that calls of one do not wait for calls of the other.

    `connections`: how many there are for each script. A script's calls are made in order. Each page of a replay is a
    call, so subscribers that come back take turns.
    """

    def __init__(self, url: str, connections: Mapping[str, int]) -> None:
        self._clients = {script: _make_client(url, number) for script, number in connections.items()}
        self._scripts = {script: client.register_script(script) for script, client in self._clients.items()}
        self._free = {script: asyncio.Semaphore(number) for script, number in connections.items()}

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        failures = 0
        while True:
            try:
                async with self._free[script], asyncio.timeout(ATTEMPT_SECONDS):
                    return await self._scripts[script](keys, arguments)
            except _FAILURES as error:
                self.failures += 1
                self.last_error = error
            await _back_off(failures)
            failures += 1

    async def ping(self) -> None:
        """Raises an error if Redis does not answer."""
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await self._clients[PUBLISH].execute_command("PING")

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.connection_pool.disconnect()


class _StreamReader:
    """Reads the new entries of all streams: one task with one connection.

    Logs that are behind are caught up first. Their next entries are read together with the state of their streams, so
    that a gap is noticed. Then one blocking XREAD waits for the next entry of any stream.

    A new log is behind. So is a log that receives many entries at once, since Redis may have dropped some already. All
    logs are behind after a lost connection, and after a heartbeat without an entry.
    """

    def __init__(self, url: str, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._redis = _make_client(url, 1)
        self._redis.set_response_callback("XREAD", _unparsed)
        self._read = self._redis.register_script(READ)
        self._logs: dict[bytes, RedisLog] = {}
        # Logs whose rings may lack entries that Redis has.
        self._behind: set[RedisLog] = set()
        # How many entries of a stream one XREAD may return. Large events make it smaller.
        self._page_events = PAGE_EVENTS
        # Logs that Redis refuses to read, because their key is not a stream.
        self._unreadable: set[RedisLog] = set()
        self._retry_unreadable_at = 0.0
        self._has_logs = asyncio.Event()
        self._xread_timeout: asyncio.Timeout | None = None
        self._task: asyncio.Task[None] | None = None
        self._down_since: float | None = None

    def start(self) -> None:
        """Starts the task."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="channels on Redis")

    def add(self, log: RedisLog) -> None:
        """Adds a log. Interrupts the XREAD that waits without it."""
        self._logs[log.key.encode()] = log
        self._behind.add(log)
        self._has_logs.set()
        if self._xread_timeout is not None and not self._xread_timeout.expired():
            self._xread_timeout.reschedule(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Ends the task and closes the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self._redis.connection_pool.disconnect()

    async def _run(self) -> None:
        failures = 0
        while True:
            await self._has_logs.wait()
            try:
                while self._behind:
                    for log in list(self._behind):
                        await self._catch_up(log)
                self._log_recovery()
                await self._read_next()
                failures = 0
            except Exception as error:
                self._log_outage(error)
                self._behind.update(self._logs.values())
                await self._redis.connection_pool.disconnect()
                await _back_off(failures)
                failures += 1

    async def _catch_up(self, log: RedisLog) -> None:
        """Reads the next entries of one log, without blocking, and the state of its stream."""
        if log.is_ready:
            after, count, max_bytes = log.id_of(log.ring.high_watermark), PAGE_EVENTS, PAGE_BYTES
        else:
            after, count, max_bytes = "", min(log.history, NEWEST_EVENTS), min(log.ring.max_bytes, NEWEST_BYTES)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                snapshot = make_snapshot(await self._read([log.key], [after, count, max_bytes]))
        except ResponseError as error:
            self._mark_unreadable(log, error)
            return
        self._mark_readable(log)
        if after:
            await log.catch_up(snapshot)
        else:
            log.load(snapshot)
        if not (after and snapshot.has_more):
            self._behind.discard(log)

    async def _read_next(self) -> None:
        """Waits for the next entries of any stream, and adds them to the logs."""
        answer: Any = None
        seconds = UNREADABLE_SECONDS if self._unreadable else self._heartbeat
        try:
            async with asyncio.timeout(seconds + ATTEMPT_SECONDS) as self._xread_timeout:
                answer = await self._xread(seconds)
        except TimeoutError:
            if not self._behind:
                raise
            return  # interrupted by `add`
        finally:
            self._xread_timeout = None
        if not answer:
            self._behind.update(self._logs.values())
        elif self._unreadable and monotonic() > self._retry_unreadable_at:
            self._behind |= self._unreadable
        found: Any = answer.items() if hasattr(answer, "items") else answer or ()
        page_events = self._page_events
        for key, entries in found:
            log = self._logs[key]
            if len(entries) < min(page_events, log.history):
                await log.ingest_entries(entries)
            else:
                self._behind.add(log)
            self._page_events = min(self._page_events, _events_per_page(entries))
        self._page_events = min(PAGE_EVENTS, 2 * self._page_events)

    async def _xread(self, seconds: float) -> Any:
        """Returns the next entries of all readable streams, or nothing if none comes within `seconds`."""
        logs = {key: log for key, log in self._logs.items() if log not in self._unreadable}
        if not logs:
            await asyncio.sleep(seconds)
            return None
        ids = [log.id_of(log.ring.high_watermark) for log in logs.values()]
        milliseconds = max(1, int(seconds * 1000))
        command = ("XREAD", "COUNT", self._page_events, "BLOCK", milliseconds, "STREAMS", *logs, *ids)
        return await self._redis.execute_command(*command)

    def _mark_unreadable(self, log: RedisLog, error: ResponseError) -> None:
        self._behind.discard(log)
        self._retry_unreadable_at = monotonic() + UNREADABLE_SECONDS
        if log not in self._unreadable:
            self._unreadable.add(log)
            logger.warning("%s cannot be read and is retried: %s", log.key, error)

    def _mark_readable(self, log: RedisLog) -> None:
        if log in self._unreadable:
            self._unreadable.discard(log)
            logger.warning("%s can be read again", log.key)

    def _log_outage(self, error: Exception) -> None:
        if self._down_since is None:
            self._down_since = monotonic()
            logger.warning("Redis does not answer and is retried: %s", str(error) or type(error).__name__)

    def _log_recovery(self) -> None:
        if self._down_since is not None:
            logger.warning("Redis answers again, after %.1f s", monotonic() - self._down_since)
            self._down_since = None


async def _back_off(failures: int) -> None:
    """Waits before the next attempt, longer after each failure."""
    await asyncio.sleep(_BACKOFF.compute(min(failures, _MOST_DOUBLINGS)))


def _make_client(url: str, connections: int) -> Any:  # type checkers do not know the types of its answers
    pools: Any = ConnectionPool
    pool = pools.from_url(url, max_connections=connections, retry=Retry(NoBackoff(), 0))
    pool.connection_kwargs.update(decode_responses=False, socket_timeout=None)  # overrides options of the URL
    return Redis(connection_pool=pool)


def _events_per_page(entries: Any) -> int:
    """Returns how many entries as large as the last one fit in a page, at least 1."""
    _, fields = entries[-1]
    return max(1, PAGE_BYTES // max(1, sum(map(len, fields))))


def _unparsed(response: Any, **options: Any) -> Any:
    return response
