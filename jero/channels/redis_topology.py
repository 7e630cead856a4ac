"""Asks a Redis cluster which of its nodes has which slots."""

import asyncio
import random
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from redis.asyncio.cluster import ClusterNode, NodesManager, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import REDIS_CLUSTER_HASH_SLOTS
from redis.exceptions import RedisClusterException, RedisError

from jero.channels.redis_connections import ATTEMPT_SECONDS, options_of_cluster

# How long one node may take to answer. If it does not, another one is asked.
ANSWER_SECONDS: Final = 0.5

Address = tuple[str, int]


class ClusterUnknown(RedisError):
    """No node of the cluster says which slots the nodes have."""


class Topology:
    """Knows addresses of the nodes of a cluster, and reads from them which master has which slots.

    The addresses of the client of the user are always among those that are asked: a name there may lead to new nodes
    after all the others have gone.
    """

    def __init__(self, client: RedisCluster) -> None:
        self.connecting = options_of_cluster(client)
        self._callbacks: Any = client.get_connection_kwargs().get("response_callbacks")
        self._remap: Any = client.nodes_manager.address_remap
        self._first: list[Address] = [
            (node.host, int(node.port)) for node in client.nodes_manager.startup_nodes.values()
        ]
        self._known: set[Address] = set()

    async def read(self) -> Mapping[int, Address]:
        """Returns the address of the master of each slot. A slot that nobody serves is left out.

        Raises `ClusterUnknown` if no node answers.
        """
        found: dict[int, Address] = {}
        known: set[Address] = set()
        fault: Exception | None = None
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                for address in self._in_random_order():
                    try:
                        slots, nodes = await self._ask(address)
                    except (RedisClusterException, RedisError, OSError, IndexError) as error:  # it knows no master
                        fault = error
                        continue
                    found = {**slots, **found}
                    known |= nodes
                    if len(found) == REDIS_CLUSTER_HASH_SLOTS:
                        break
        except TimeoutError as error:
            fault = error
        if not known:
            raise ClusterUnknown(str(fault) or type(fault).__name__) from fault
        self._known = known
        return found

    async def _ask(self, address: Address) -> tuple[Mapping[int, Address], AbstractSet[Address]]:
        """Returns which master has which slots, and where all nodes are, as one node says."""
        asked = ClusterNode(*address, **self._arguments())

        def remap(named: tuple[str | None, int]) -> Address:  # a node leaves out a host that it does not know
            return self.remap((named[0] or address[0], named[1]))

        manager = NodesManager(
            [asked], require_full_coverage=False, connection_kwargs=self._arguments(), address_remap=remap
        )
        try:
            await manager.initialize()
        finally:
            closing = asyncio.gather(asked.disconnect(), return_exceptions=True)
            await asyncio.shield(closing)  # it is closed, also if this task is cancelled meanwhile
        nodes = {(node.host, int(node.port)) for node in manager.nodes_cache.values()}
        return {slot: (nodes[0].host, int(nodes[0].port)) for slot, nodes in manager.slots_cache.items()}, nodes

    def remap(self, address: Address) -> Address:
        """Returns where the client of the user finds a node that calls itself by this address."""
        found: Address = address if self._remap is None else self._remap(address)
        return found

    def _in_random_order(self) -> Iterable[Address]:
        """Returns all addresses, so that one that does not answer is not always asked first."""
        addresses = list({*self._known, *self._first})
        random.shuffle(addresses)
        return addresses

    def _arguments(self) -> dict[str, Any]:
        return {
            **self.connecting.arguments,
            "connection_class": self.connecting.connection_class,
            "response_callbacks": self._callbacks,
            "protocol": 2,
            "decode_responses": False,
            "retry": Retry(NoBackoff(), 0),
            "socket_timeout": ANSWER_SECONDS,
            "socket_connect_timeout": ANSWER_SECONDS,
        }
