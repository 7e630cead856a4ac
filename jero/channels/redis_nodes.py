"""The Redis of a store, or the nodes of its cluster: which one has a key."""

import logging
from abc import abstractmethod
from collections.abc import Iterable, Sequence

from redis.exceptions import AskError, MovedError, RedisError

from jero.channels.redis_access import MessageFollower, StreamFollower
from jero.channels.redis_connections import FAILURES, ConnectionOptions
from jero.channels.redis_listener import Listener, NodeOwner
from jero.channels.redis_node import NodeOptions, RedisNode
from jero.channels.store import ChannelUnavailable
from jero.errors import WiringError

logger = logging.getLogger("jero.channels")


class Nodes(NodeOwner):
    """The nodes of a store. A single Redis is one node.

    `options`: what they have in common.
    """

    def __init__(self, options: NodeOptions) -> None:
        self.options = options

    @abstractmethod
    async def open(self) -> None:
        """Connects. Raises `ChannelUnavailable` if Redis does not answer, `WiringError` if it cannot serve."""

    @abstractmethod
    async def close(self) -> None:
        """Closes all connections."""

    @abstractmethod
    def slot_of(self, key: str) -> int:
        """Returns the slot of a key. One command may use keys of one slot."""

    @abstractmethod
    def node_of(self, key: str) -> RedisNode:
        """Returns the node that has a key. Raises `RedisError` if none has it now."""

    @abstractmethod
    def redirect(self, error: AskError, host: str) -> RedisNode:
        """Returns the node that an error of a node at `host` names. Raises the error if there is not any."""

    @abstractmethod
    def group(self, keys: Sequence[str]) -> Iterable[tuple[RedisNode, Sequence[str]]]:
        """Returns the nodes that have some of the keys, and these keys."""

    @abstractmethod
    def listen(self, log: MessageFollower) -> None:
        """Has the log receive its messages, soon."""

    @abstractmethod
    def ignore(self, log: MessageFollower) -> None:
        """Has the log receive no messages any more."""

    def channel_of(self, key: str) -> str:
        """Returns the channel of messages about a key."""
        return key


class OneNode(Nodes):
    """One Redis, which has everything. It may be another one each time a connection is made."""

    def __init__(self, connecting: ConnectionOptions, options: NodeOptions) -> None:
        super().__init__(options)
        self._node = RedisNode("Redis", connecting, options, self)

    async def open(self) -> None:
        try:
            await self._node.scripts.command("PING")
            if await self._is_of_a_cluster():
                raise WiringError(
                    "This Redis is a node of a cluster. Use RedisStore(url, cluster=True), or pass a RedisCluster."
                )
        except FAILURES as error:
            await self._node.scripts.close()
            raise ChannelUnavailable("Redis does not answer.") from error
        except WiringError:
            await self._node.scripts.close()
            raise
        self._node.start()

    async def _is_of_a_cluster(self) -> bool:
        try:
            facts = await self._node.scripts.command("INFO", "cluster")
        except RedisError:  # the user of the connection may not ask
            return False
        return bool(facts.get("cluster_enabled"))

    async def close(self) -> None:
        await self._node.close()

    def slot_of(self, key: str) -> int:
        return 0

    def node_of(self, key: str) -> RedisNode:
        return self._node

    def redirect(self, error: AskError, host: str) -> RedisNode:
        raise error

    def group(self, keys: Sequence[str]) -> Iterable[tuple[RedisNode, Sequence[str]]]:
        return [(self._node, keys)]

    def listen(self, log: MessageFollower) -> None:
        self._node.listener.listen(log)

    def ignore(self, log: MessageFollower) -> None:
        self._node.listener.ignore(log)

    def read_soon(self, log: StreamFollower) -> None:
        self._node.reader.read_soon(log)

    def channel_of(self, key: str) -> str:
        return self._node.listener.channel_of(key)

    def on_failure(self) -> None:
        """Does nothing: each connection is made again."""

    def on_redirect(self, log: StreamFollower, error: AskError, host: str) -> bool:
        return False

    def on_moved(self, listener: Listener, error: MovedError) -> None:
        raise error
