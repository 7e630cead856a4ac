"""Channels on Redis: assembles what publishes, what listens, and what reads."""

import asyncio
import re
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final, overload

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError

from jero.channels.keys import key_of
from jero.channels.kind import Kind, KindOptions
from jero.channels.log import EventLog
from jero.channels.redis_access import Call, MessageFollower, RedisAccess, StreamFollower
from jero.channels.redis_cluster import ClusterNodes
from jero.channels.redis_connections import options_of_redis
from jero.channels.redis_listener import PLAIN, SHARDED
from jero.channels.redis_log import RedisLog
from jero.channels.redis_node import NodeOptions, ScriptUse
from jero.channels.redis_nodes import Nodes, OneNode
from jero.channels.redis_scripts import RetryingScripts
from jero.channels.store import Store

# How often the expiry of a stream with subscribers is renewed while it is kept.
RENEWALS: Final = 3
# How many streams are renewed in one pipeline.
RENEWED_TOGETHER: Final = 500

# A prefix of keys of a cluster, which may have a hash tag.
_BRACES: Final = re.compile(r"[^{}]*(\{[^{}]+\}[^{}]*)?")


class RedisStore(Store):
    """Channels in the Redis at `url`: "redis://localhost:6379/0", or a URL with "rediss://" or "unix://".

    `client`: instead of a URL, a client of `redis.asyncio`: a `Redis`, also one of a `Sentinel`, or a `RedisCluster`.
    The store makes connections of its own in the same way. It does not use those of the client, and does not close
    them.
    `cluster`: whether the URL is of a node of a Redis cluster, of any one.
    `prefix`: the beginning of all its keys.
    `connections`: how many events are published at once, at most. A quarter as many connections more, at least one,
    read old events for subscribers that come back, so that no number of them delays a publisher. One connection more
    listens to new events, and one reads what it has missed. A cluster has as many to each master.
    `heartbeat`: if no event comes for this number of seconds, Redis must answer anyway, so that a lost connection is
    noticed.
    `wait_replicas`: how many replicas of this Redis must have an event before `publish` returns, so that fewer events
    are lost if one of them replaces it.

    Entering the store raises `ChannelUnavailable` if Redis does not answer. It raises `WiringError` if a node of a
    cluster is older than Redis 7, or if the URL is of a node of a cluster but `cluster` is not set.

    Raises `TypeError` unless there is either a URL or a client of `redis.asyncio`. Raises `ValueError` if `connections`
    is less than 1, `heartbeat` is not positive, `wait_replicas` is negative, or `prefix` has braces that are not the
    hash tag of a cluster.
    """

    @overload
    def __init__(
        self,
        url: str,
        *,
        cluster: bool = False,
        prefix: str = "jero:",
        connections: int = 8,
        heartbeat: float = 10.0,
        wait_replicas: int = 0,
    ) -> None: ...

    @overload
    def __init__(
        self,
        *,
        client: Redis | RedisCluster,
        prefix: str = "jero:",
        connections: int = 8,
        heartbeat: float = 10.0,
        wait_replicas: int = 0,
    ) -> None: ...

    def __init__(  # noqa: PLR0913 - independent options of one thing
        self,
        url: str | None = None,
        *,
        client: Redis | RedisCluster | None = None,
        cluster: bool = False,
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
        self.prefix = prefix
        if client is None and url is not None:
            client = _make_client(url, is_cluster=cluster)
        elif url is not None or cluster:
            raise TypeError("RedisStore takes either a URL or a client. The client says itself if it is of a cluster.")
        self._client = client  # connections of a Sentinel refer to it
        if isinstance(client, RedisCluster):
            _check_prefix(prefix)
            options = NodeOptions(SHARDED, connections, heartbeat, wait_replicas, self.turn)
            self._nodes: Nodes = ClusterNodes(client, options)
        elif isinstance(client, Redis):
            options = NodeOptions(PLAIN, connections, heartbeat, wait_replicas, self.turn)
            self._nodes = OneNode(options_of_redis(client), options)
        else:
            raise TypeError(
                f"RedisStore(client={client!r}): it is neither a Redis nor a RedisCluster of redis.asyncio."
            )
        self._scripts = RetryingScripts(self._nodes)
        self.access = Access(self._scripts, self._nodes)
        self._renewals: dict[Kind, asyncio.Task[None]] = {}

    async def _open(self) -> None:
        await self._nodes.open()
        self._scripts.open()

    async def _close(self) -> None:
        for renewal in self._renewals.values():
            renewal.cancel()
        if self._renewals:
            await asyncio.wait(self._renewals.values())
        self._renewals.clear()
        self._scripts.close()
        await self._nodes.close()

    def _make_log(self, kind: Kind, name: str) -> EventLog:
        keep = kind.options.keep
        if self._is_open and keep is not None and kind not in self._renewals:
            renewing = self._renew(kind, keep)
            self._renewals[kind] = asyncio.get_running_loop().create_task(renewing, name=f"renewals of {kind.name}")
        key = key_of(self.prefix, kind.name, name)
        return RedisLog(self.access, key, name, kind.options, self.turn, kind.entries)

    async def _renew(self, kind: Kind, keep: float) -> None:
        """Renews the expiry of streams with subscribers, again and again, so that a silent one does not look lost."""
        while True:
            await asyncio.sleep(keep / RENEWALS)
            used = [log.key for log in kind.logs.values() if isinstance(log, RedisLog) and log.counters.subscribers]
            for at in range(0, len(used), RENEWED_TOGETHER):
                await self._scripts.renew(used[at : at + RENEWED_TOGETHER], keep)


def _make_client(url: str, *, is_cluster: bool) -> Redis | RedisCluster:
    clients: Any = RedisCluster if is_cluster else Redis  # type checkers do not know all types of `from_url`
    client: Redis | RedisCluster = clients.from_url(url)
    return client


def _check_prefix(prefix: str) -> None:
    """Raises `ValueError` if a prefix would put the keys of a channel in several slots."""
    if _BRACES.fullmatch(prefix) is None:
        raise ValueError(f"RedisStore(prefix={prefix!r}): braces are the hash tag of a cluster: one pair, not empty.")


class Access(RedisAccess):
    """The connections of a store, as its channels and its runs see them."""

    def __init__(self, scripts: RetryingScripts, nodes: Nodes) -> None:
        self._scripts = scripts
        self._nodes = nodes

    @property
    def last_error(self) -> Exception | None:
        return self._scripts.last_error

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        return await self._scripts.run(script, keys, arguments)

    async def append(self, key: str, options: KindOptions, content: Sequence[str | bytes]) -> bytes:
        return await self._scripts.append(key, options, content)

    def add_scripts(self, busy: Sequence[str], others: Sequence[str], waited: Sequence[str]) -> None:
        """Adds scripts. The busy ones have as many connections as publishing has.

        Replicas must have what those of `waited` write.
        """
        connections, scripts = self._nodes.options.connections, self._nodes.options.scripts
        for script in busy:
            scripts[script] = ScriptUse("busy", connections, is_waited_for=script in waited)
        for script in others:
            scripts[script] = ScriptUse("others", max(1, connections // 2), is_waited_for=script in waited)

    async def run_together(self, script: str, calls: Sequence[Call]) -> Sequence[Any]:
        """Returns the answers to many calls of a script, results and errors. Tries once.

        Raises an error of `FAILURES` if Redis does not answer.
        """
        return await self._scripts.run_together(script, calls)

    def publishing(self, key: str) -> tuple[str, str]:
        """Returns the command that publishes messages about a key, and the channel to publish them on."""
        return self._nodes.options.pubsub.publish, self._nodes.channel_of(key)

    def answers_since(self, key: str) -> float:
        """Returns since when the Redis of a key has answered soon and without a failure, by `time.monotonic`."""
        try:
            return self._nodes.node_of(key).answers_since
        except RedisError:  # no node of the cluster has it now
            return monotonic()

    def listen(self, log: MessageFollower) -> None:
        self._nodes.listen(log)

    def ignore(self, log: MessageFollower) -> None:
        self._nodes.ignore(log)

    def read_soon(self, log: StreamFollower) -> None:
        self._nodes.read_soon(log)
