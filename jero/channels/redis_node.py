"""One Redis, or one master of a cluster: what publishes there, what listens, and what reads."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final

from msgspec import Struct, field
from redis.exceptions import NoScriptError, RedisError

from jero.channels.redis_access import APPEND, READ, Call
from jero.channels.redis_connections import ATTEMPT_SECONDS, FAILURES, ConnectionOptions
from jero.channels.redis_listener import Listener, NodeOwner, PubSub
from jero.channels.redis_reader import StreamReader
from jero.channels.ring import Turn

# How long Redis waits for its replicas in one attempt.
WAIT_MILLISECONDS: Final = 1_500
# An answer that takes longer says that Redis did not answer for a while.
SLOW_SECONDS: Final = 0.5


class ReplicasMissing(RedisError):
    """Too few replicas have confirmed an event in time. They may get it later."""


class NodeLeft(RedisError):
    """A node has left the cluster, or is not a master any more."""


class ScriptUse(Struct, frozen=True):
    """Says how a script is run.

    `pool`: scripts with the same one share connections. `connections`: how many these are. `is_waited_for`: replicas
    must have what the script writes.
    """

    pool: str
    connections: int
    is_waited_for: bool = False


class NodeOptions(Struct, frozen=True):
    """Says how to use each node of a store: `RedisStore` explains it.

    `pubsub`: how messages are published. `scripts`: what runs there. More may be added while the nodes are in use.
    """

    pubsub: PubSub
    connections: int
    heartbeat: float
    wait_replicas: int
    turn: Turn
    scripts: dict[str, ScriptUse] = field(default_factory=dict[str, ScriptUse])

    def __post_init__(self) -> None:
        self.scripts[APPEND] = ScriptUse("append", self.connections, is_waited_for=True)
        self.scripts[READ] = ScriptUse("read", max(1, self.connections // 4))


class RedisNode:
    """The connections to one Redis. `title`: how log messages name it. `host`: where it is, if the options say so.

    `scripts`: run scripts. `listener`: receives the messages. `reader`: reads what is missing.
    """

    def __init__(self, title: str, connecting: ConnectionOptions, options: NodeOptions, owner: NodeOwner) -> None:
        self.title = title
        self.host = connecting.host
        self.scripts = ScriptConnections(connecting, options.scripts, options.wait_replicas)
        self.listener = Listener(title, connecting, options.pubsub, options.heartbeat, options.turn, owner)
        self.reader = StreamReader(connecting, owner)

    @property
    def answers_since(self) -> float:
        """Returns since when the node has answered soon and without a failure, by `time.monotonic`."""
        return max(self.scripts.slow_at, self.listener.follows_since)

    def start(self) -> None:
        """Starts to listen and to read."""
        self.listener.start()
        self.reader.start()

    async def close(self) -> None:
        """Closes the connections. Scripts that run fail."""
        await self.listener.close()
        await self.reader.close()
        await self.scripts.close()


class ScriptConnections:
    """Runs scripts, each on the connections of its pool, so that those of one pool do not wait for those of another.

    `uses`: the scripts; connections are made for those that run. A pool's calls are made in order. `wait_replicas`: how
    many replicas must have what is written, too. `has_left`: the node is not a master of its cluster any more. Nothing
    runs there. `slow_at`: when an attempt failed last, or took more than `SLOW_SECONDS`, or when this was made; by
    `time.monotonic`.
    """

    def __init__(self, options: ConnectionOptions, uses: Mapping[str, ScriptUse], wait_replicas: int = 0) -> None:
        self._options = options
        self._uses = uses
        self._wait_replicas = wait_replicas
        self._pools: dict[str, tuple[Any, asyncio.Semaphore]] = {}
        self._scripts: dict[str, Any] = {}
        self.has_left = False
        self.slow_at = monotonic()

    async def run(
        self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int], *, is_asking: bool = False
    ) -> Any:
        """Returns the result of a script, tried once. `is_asking`: the node is about to have the stream."""
        client, free = self._pool_of(script)
        waits = self._waits_for(script)
        try:
            async with free, asyncio.timeout(ATTEMPT_SECONDS):
                began = self._begin()
                if is_asking or waits:
                    [answer] = await self._send(client, script, [(keys, arguments)], is_asking=is_asking, waits=waits)
                    if isinstance(answer, Exception):
                        raise answer
                else:
                    answer = await self._script(client, script)(keys, arguments)
                self._look_at_time(began)
        except FAILURES:
            self.slow_at = monotonic()
            raise
        return answer

    async def run_together(self, script: str, calls: Sequence[Call]) -> Sequence[Any]:
        """Returns the answers to calls of a script that are sent together: results and errors. Tries once."""
        client, free = self._pool_of(script)
        try:
            async with free, asyncio.timeout(ATTEMPT_SECONDS):
                began = self._begin()
                answers = await self._send(client, script, calls, is_asking=False, waits=self._waits_for(script))
                self._look_at_time(began)
        except FAILURES:
            self.slow_at = monotonic()
            raise
        if any(isinstance(answer, Exception) for answer in answers):
            self.slow_at = monotonic()
        return answers

    async def _send(
        self, client: Any, script: str, calls: Sequence[Call], *, is_asking: bool, waits: bool
    ) -> Sequence[Any]:
        """Sends calls and what belongs to them on one connection.

        If the node is asked before it has the stream, that comes first. If replicas must have what the script wrote, it
        is waited for.
        """
        sha = self._script(client, script).sha
        async with client.pipeline(transaction=False) as pipeline:
            if is_asking:
                pipeline.execute_command("ASKING")
            for keys, arguments in calls:
                pipeline.execute_command("EVALSHA", sha, len(keys), *keys, *arguments)
            if waits:
                pipeline.execute_command("WAIT", self._wait_replicas, WAIT_MILLISECONDS)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        replicas = answers.pop() if waits else 0
        answers = answers[is_asking:]
        if any(isinstance(answer, NoScriptError) for answer in answers):
            await client.script_load(script)
            return await self._send(client, script, calls, is_asking=is_asking, waits=waits)
        has_written = not all(isinstance(answer, Exception) for answer in answers)
        if waits and has_written and (isinstance(replicas, RedisError) or replicas < self._wait_replicas):
            raise ReplicasMissing(f"{replicas} of {self._wait_replicas} replicas have the event")
        return answers

    async def expire(self, keys: Sequence[str], milliseconds: int) -> list[Any]:
        """Has the keys expire, if they exist. Tries once. Returns the answers, errors among them."""
        client, free = self._pool_of(APPEND)
        async with free, asyncio.timeout(ATTEMPT_SECONDS), client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.pexpire(key, milliseconds)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
            return answers

    async def command(self, *words: str) -> Any:
        """Returns the answer to a command. Tries once."""
        client, _ = self._pool_of(APPEND)
        async with asyncio.timeout(ATTEMPT_SECONDS):
            return await client.execute_command(*words)

    async def close(self) -> None:
        """Closes the connections."""
        for client, _ in self._pools.values():
            await client.connection_pool.disconnect()

    def _pool_of(self, script: str) -> tuple[Any, asyncio.Semaphore]:
        """Returns the client whose connections a script uses, and what says whether one is free."""
        use = self._uses[script]
        pool = self._pools.get(use.pool)
        if pool is None:
            pool = self._options.client(use.connections), asyncio.Semaphore(use.connections)
            self._pools[use.pool] = pool
        return pool

    def _script(self, client: Any, script: str) -> Any:
        registered = self._scripts.get(script)
        if registered is None:
            self._scripts[script] = registered = client.register_script(script)
        return registered

    def _waits_for(self, script: str) -> bool:
        return self._wait_replicas > 0 and self._uses[script].is_waited_for

    def _begin(self) -> float:
        """Returns the time. Raises `NodeLeft` if nothing runs here any more."""
        if self.has_left:
            raise NodeLeft("The node is not a master of the cluster any more.")
        return monotonic()

    def _look_at_time(self, began: float) -> None:
        now = monotonic()
        if now - began > SLOW_SECONDS:
            self.slow_at = now
