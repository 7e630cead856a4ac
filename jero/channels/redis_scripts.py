"""Runs scripts on Redis: each on connections of its own, in order, again until Redis answers."""

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import EqualJitterBackoff, NoBackoff
from redis.exceptions import NoScriptError, RedisError

from jero.channels.kind import KindOptions
from jero.channels.redis_log import APPEND

# How long a command may take before it is repeated on another connection.
ATTEMPT_SECONDS: Final = 2.0
# How long Redis remembers an event's token. A repeated command that arrives later would store the event twice.
TOKEN_MILLISECONDS: Final = 60_000
# How long Redis waits for its replicas in one attempt.
WAIT_MILLISECONDS: Final = 1_500
_TOKENS_PER_DELETE: Final = 32

# A wait between attempts doubles from 0.05 s to 2 s. Half of it is random, so that processes do not return all at once.
_BACKOFF: Final = EqualJitterBackoff(cap=2.0, base=0.05)
# The wait is at its longest by then. More doublings would overflow after a long outage.
_MOST_DOUBLINGS: Final = 10

FAILURES: Final = (RedisError, OSError, TimeoutError)


class ReplicasMissing(RedisError):
    """Too few replicas have confirmed an event in time. They may get it later."""


class RetryingScripts:
    """Runs each script on connections of its own, so that calls of one do not wait for calls of the other.

    `connections`: how many there are for each script. A script's calls are made in order. Each page of a replay is a
    call, so subscribers that come back take turns. `wait_replicas`: how many replicas must have an event, too.
    `last_error`: as `RedisAccess` says.
    """

    def __init__(self, url: str, connections: Mapping[str, int], wait_replicas: int = 0) -> None:
        self._wait_replicas = wait_replicas
        self.failures = 0
        self.last_error: Exception | None = None
        self._clients = {script: make_client(url, number) for script, number in connections.items()}
        self._scripts = {script: client.register_script(script) for script, client in self._clients.items()}
        self._free = {script: asyncio.Semaphore(number) for script, number in connections.items()}
        # Tokens of events whose scripts cannot run again. The next publications delete them.
        self._finished_tokens: deque[str] = deque(maxlen=1_000)

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """Returns the result of a script. Waits as long as Redis does not answer."""
        failures = 0
        while True:
            try:
                async with self._free[script], asyncio.timeout(ATTEMPT_SECONDS):
                    if script == APPEND and self._wait_replicas:
                        return await self._append_and_wait(keys, arguments)
                    return await self._scripts[script](keys, arguments)
            except FAILURES as error:
                self.failures += 1
                self.last_error = error
            await back_off(failures)
            failures += 1

    async def append(self, key: str, channel: str, options: KindOptions, content: Sequence[str | bytes]) -> bytes:
        """Stores an event once, and publishes it on the channel of messages. Returns its id."""
        token = f"{token_prefix(key)}{secrets.token_hex(16)}"
        finished = self._finished_tokens
        deletable = [finished.popleft() for _ in range(min(_TOKENS_PER_DELETE, len(finished)))]
        keep = "" if options.keep is None else max(1, int(options.keep * 1_000))
        limits = (options.history, options.history_bytes, keep, TOKEN_MILLISECONDS)
        failures = self.failures
        first_number = secrets.randbits(62) + 1
        arguments = (*limits, first_number, "PUBLISH", channel, *content)
        answer: bytes = await self.run(APPEND, [key, token, *deletable], arguments)
        if failures == self.failures:  # the script ran once, so no copy of it can arrive later
            finished.append(token)
        return answer

    async def _append_and_wait(self, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """Runs the script, and waits on the same connection until enough replicas have what it wrote."""
        script = self._scripts[APPEND]
        pipeline = self._clients[APPEND].pipeline(transaction=False)
        async with pipeline:
            pipeline.execute_command("EVALSHA", script.sha, len(keys), *keys, *arguments)
            pipeline.execute_command("WAIT", self._wait_replicas, WAIT_MILLISECONDS)
            answer, replicas = await pipeline.execute(raise_on_error=False)
        if isinstance(answer, NoScriptError):
            await self._clients[APPEND].script_load(script.script)
            return await self._append_and_wait(keys, arguments)
        if isinstance(answer, RedisError):
            raise answer
        if isinstance(replicas, RedisError) or replicas < self._wait_replicas:
            raise ReplicasMissing(f"{replicas} of {self._wait_replicas} replicas have the event")
        return answer

    async def renew(self, keys: Sequence[str], keep_seconds: float) -> None:
        """Has the keys expire after `keep_seconds` from now, if they exist. Tries once."""
        pipeline = self._clients[APPEND].pipeline(transaction=False)
        async with self._free[APPEND], asyncio.timeout(ATTEMPT_SECONDS), pipeline:
            for key in keys:
                pipeline.pexpire(key, max(1, int(keep_seconds * 1_000)))
            await pipeline.execute()

    async def ping(self) -> None:
        """Raises an error if Redis does not answer."""
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await self._clients[APPEND].execute_command("PING")

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.connection_pool.disconnect()


async def back_off(failures: int) -> None:
    """Waits before the next attempt, longer after each failure."""
    await asyncio.sleep(_BACKOFF.compute(min(failures, _MOST_DOUBLINGS)))


def make_pool(url: str, connections: int) -> Any:  # type checkers do not know the types of its answers
    """Returns a pool of connections that neither retries nor decodes, and whose messages are plain answers (RESP2)."""
    address, _, query = url.partition("?")
    query = urlencode([(name, value) for name, value in parse_qsl(query) if name != "protocol"])
    pools: Any = ConnectionPool
    retry = Retry(NoBackoff(), 0)
    pool = pools.from_url(f"{address}?{query}", max_connections=connections, retry=retry, protocol=2)
    pool.connection_kwargs.update(decode_responses=False, socket_timeout=None)  # overrides options of the URL
    return pool


def make_client(url: str, connections: int) -> Any:
    """Returns a client of that many connections."""
    return Redis(connection_pool=make_pool(url, connections))


def token_prefix(key: str) -> str:
    """Returns the beginning of the keys that remember which events a stream has. A cluster keeps them beside it."""
    return f"{key}:stored:" if "{" in key else f"{{{key}}}:stored:"
