"""One Redis, or one master of a cluster: what publishes there, what listens, and what reads."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from redis.exceptions import NoScriptError, RedisError

from jero.channels.redis_access import APPEND, READ
from jero.channels.redis_connections import ATTEMPT_SECONDS, ConnectionOptions
from jero.channels.redis_listener import Listener, NodeOwner, PubSub
from jero.channels.redis_reader import StreamReader
from jero.channels.ring import Turn

# How long Redis waits for its replicas in one attempt.
WAIT_MILLISECONDS: Final = 1_500


class ReplicasMissing(RedisError):
    """Too few replicas have confirmed an event in time. They may get it later."""


class NodeLeft(RedisError):
    """A node has left the cluster, or is not a master any more."""


class NodeOptions(Struct, frozen=True):
    """Says how to use each node of a store: `RedisStore` explains it. `pubsub`: how messages are published."""

    pubsub: PubSub
    connections: int
    heartbeat: float
    wait_replicas: int
    turn: Turn


class RedisNode:
    """The connections to one Redis. `title`: how log messages name it.

    `scripts`: run scripts. `listener`: receives the messages. `reader`: reads what is missing.
    """

    def __init__(self, title: str, connecting: ConnectionOptions, options: NodeOptions, owner: NodeOwner) -> None:
        self.title = title
        numbers = {APPEND: options.connections, READ: max(1, options.connections // 4)}
        self.scripts = ScriptConnections(connecting, numbers, options.wait_replicas)
        self.listener = Listener(title, connecting, options.pubsub, options.heartbeat, options.turn, owner)
        self.reader = StreamReader(connecting, owner)

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
    """Runs each script on connections of its own, so that calls of one do not wait for calls of the other.

    `connections`: how many there are for each script. A script's calls are made in order. `wait_replicas`: how many
    replicas must have an event, too. `has_left`: the node is not a master of its cluster any more. Nothing
    runs there.
    """

    def __init__(self, options: ConnectionOptions, connections: Mapping[str, int], wait_replicas: int = 0) -> None:
        self._wait_replicas = wait_replicas
        self._clients = {script: options.client(number) for script, number in connections.items()}
        self._scripts = {script: client.register_script(script) for script, client in self._clients.items()}
        self._free = {script: asyncio.Semaphore(number) for script, number in connections.items()}
        self.has_left = False

    async def run(
        self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int], *, is_asking: bool = False
    ) -> Any:
        """Returns the result of a script, tried once. `is_asking`: the node is about to have the stream."""
        async with self._free[script], asyncio.timeout(ATTEMPT_SECONDS):
            if self.has_left:
                raise NodeLeft("The node is not a master of the cluster any more.")
            if is_asking or (script == APPEND and self._wait_replicas):
                return await self._run_together(script, keys, arguments, is_asking=is_asking)
            return await self._scripts[script](keys, arguments)

    async def _run_together(
        self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int], *, is_asking: bool
    ) -> Any:
        """Runs the script and what belongs to it on one connection.

        If the node is asked before it has the stream, that comes first. If replicas must have what the script wrote, it
        is waited for.
        """
        waits = script == APPEND and self._wait_replicas > 0
        async with self._clients[script].pipeline(transaction=False) as pipeline:
            if is_asking:
                pipeline.execute_command("ASKING")
            pipeline.execute_command("EVALSHA", self._scripts[script].sha, len(keys), *keys, *arguments)
            if waits:
                pipeline.execute_command("WAIT", self._wait_replicas, WAIT_MILLISECONDS)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        answer, replicas = answers[is_asking], answers[-1]
        if isinstance(answer, NoScriptError):
            await self._clients[script].script_load(script)
            return await self._run_together(script, keys, arguments, is_asking=is_asking)
        if isinstance(answer, RedisError):
            raise answer
        if waits and (isinstance(replicas, RedisError) or replicas < self._wait_replicas):
            raise ReplicasMissing(f"{replicas} of {self._wait_replicas} replicas have the event")
        return answer

    async def expire(self, keys: Sequence[str], milliseconds: int) -> list[Any]:
        """Has the keys expire, if they exist. Tries once. Returns the answers, errors among them."""
        pipeline = self._clients[APPEND].pipeline(transaction=False)
        async with self._free[APPEND], asyncio.timeout(ATTEMPT_SECONDS), pipeline:
            for key in keys:
                pipeline.pexpire(key, milliseconds)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
            return answers

    async def command(self, *words: str) -> Any:
        """Returns the answer to a command. Tries once."""
        async with asyncio.timeout(ATTEMPT_SECONDS):
            return await self._clients[APPEND].execute_command(*words)

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.connection_pool.disconnect()
