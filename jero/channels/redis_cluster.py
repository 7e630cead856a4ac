"""Channels on a Redis cluster: each at the master of its slot, also after the slot has moved or the master is gone."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import count
from typing import Any, Final

from redis.asyncio.cluster import RedisCluster
from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, RedisError, ResponseError

from jero.channels.redis_access import MessageFollower, StreamFollower
from jero.channels.redis_connections import FAILURES
from jero.channels.redis_listener import Listener
from jero.channels.redis_node import NodeOptions, RedisNode
from jero.channels.redis_nodes import Nodes
from jero.channels.redis_topology import Address, ClusterUnknown, Topology
from jero.channels.store import ChannelUnavailable
from jero.errors import WiringError

# Theory of operation
# -------------------
#
# Each master has a `RedisNode`: connections of its own, so that one that does not answer holds up no other. `_slots`
# says which node has a slot. It is corrected in two ways. A node that does not have a slot says which one has it
# (MOVED): that is true at once, for this slot. And after a failure the whole is read from any node of the cluster.
#
# A channel is listened to at one node, in `_followed`. It goes to another one in one of two cases:
#
# - The node itself says that another one has the slot, and has been a master all the time. Then it has published all
#   that it had acknowledged, unless its own replica has replaced it: the log compares what both say of themselves.
# - The node is not a master any more, and does not answer. Then it may have acknowledged what nobody else has.
#
# What the cluster says of a slot may be older than what a node has said of it. So a node that answers, or that still is
# a master, keeps its channels until it says itself that they are elsewhere.
#
# A node that was replaced by its replica becomes a replica itself. It accepts subscriptions, and passes on what the new
# master publishes. It may do so before a process learns of the promotion. So a listener leaves a node that is a replica
# or has been one, and finds that out in three ways:
#
# - A stream is read where it is followed, after each subscription. A replica says that another node has the slot.
# - If a node says so, to a reader or to the listener, the listener first compares the node with what it was.
# - It also does that if the cluster does not name the node among its masters.

logger = logging.getLogger("jero.channels")

# The time between two looks at the nodes of the cluster, and how many times that at most while something fails.
LOOK_SECONDS: Final = 0.2
MOST_PAUSES: Final = 10
# How soon a node is asked for a stream that another one does not have. Two nodes may name each other for a while.
REDIRECTED_SECONDS: Final = 0.05


class SlotUnserved(RedisError):
    """No node of the cluster serves the slot of a channel."""


class ClusterNodes(Nodes):
    """The masters of a cluster, as the client of the user finds them."""

    def __init__(self, client: RedisCluster, options: NodeOptions) -> None:
        super().__init__(options)
        self._topology = Topology(client)
        self._nodes: dict[Address, RedisNode] = {}
        self._slots: dict[int, RedisNode] = {}
        # Where the logs of each slot are listened to: `None` if nobody serves the slot.
        self._followed: dict[int, dict[MessageFollower, RedisNode | None]] = defaultdict(dict)
        self._is_closed = False
        self._looking: asyncio.Task[None] | None = None
        self._must_look = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._is_closed = False
        try:
            self._apply(await self._topology.read())
            await self._check()
        except FAILURES as error:
            await self.close()
            raise ChannelUnavailable("The Redis cluster does not answer.") from error
        except BaseException:
            await self.close()
            raise

    async def _check(self) -> None:
        """Raises an error unless one master answers, and all that do know channels of slots."""
        checks = await asyncio.gather(*map(_fault_of, self._nodes.values()))
        for check in checks:
            if isinstance(check, WiringError):
                raise check
        if all(checks):
            raise ClusterUnknown("No master of the cluster answers.") from next(iter(checks), None)

    async def close(self) -> None:
        self._is_closed = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait((self._looking,))
        await asyncio.gather(*(node.close() for node in self._nodes.values()), *self._tasks)
        self._nodes.clear()

    # Which node has a key

    def slot_of(self, key: str) -> int:
        return key_slot(key.encode())

    def node_of(self, key: str) -> RedisNode:
        node = self._slots.get(self.slot_of(key))
        if node is None:
            raise SlotUnserved(f"No node of the cluster serves the slot of {key}.")
        return node

    def redirect(self, error: AskError, host: str) -> RedisNode:
        if self._is_closed:
            raise error
        named: Any = error  # type checkers do not know the types of its parts
        node = self._node_at(self._topology.remap((named.host or host, int(named.port))))
        node.scripts.has_left = False  # a master that receives its first slot is not among those that have one
        if isinstance(error, MovedError):
            self._slots[error.slot_id] = node
        return node

    def group(self, keys: Sequence[str]) -> Iterable[tuple[RedisNode, Sequence[str]]]:
        groups: dict[RedisNode, list[str]] = defaultdict(list)
        for key in keys:
            node = self._slots.get(self.slot_of(key))
            if node is not None:
                groups[node].append(key)
        return groups.items()

    def _node_at(self, address: Address) -> RedisNode:
        node = self._nodes.get(address)
        if node is None:
            host, port = address
            title, connecting = f"Redis at {host}:{port}", self._topology.connecting.at(host, port)
            self._nodes[address] = node = RedisNode(title, connecting, self.options, self)
            node.start()
        return node

    # Which node a log is followed at

    def listen(self, log: MessageFollower) -> None:
        slot = self.slot_of(log.key)
        self._follow(log, slot, self._slots.get(slot))

    def ignore(self, log: MessageFollower) -> None:
        slot = self.slot_of(log.key)
        node = self._followed[slot].pop(log, None)
        if not self._followed[slot]:
            del self._followed[slot]
        if node is not None:
            node.listener.ignore(log)

    def _follow(self, log: MessageFollower, slot: int, node: RedisNode | None) -> None:
        self._followed[slot][log] = node
        if node is None:
            self.on_failure()
        else:
            node.listener.listen(log)

    def on_moved(self, listener: Listener, error: MovedError) -> None:
        node = self.redirect(error, listener.host)
        for log, there in list(self._followed.get(error.slot_id, {}).items()):
            if there is not None and there.listener is listener and node is not there:
                listener.hand_over(log, node.listener.identity)
                self._follow(log, error.slot_id, node)

    def read_soon(self, log: StreamFollower) -> None:
        node = self._followed_at(log) or self._slots.get(self.slot_of(log.key))
        if node is not None:
            node.reader.read_soon(log)
        else:
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._read_later, log)

    def _read_later(self, log: StreamFollower) -> None:
        if not (log.is_closed or log.is_gone):
            self.on_failure()
            self.read_soon(log)

    def on_redirect(self, log: StreamFollower, error: AskError, host: str) -> bool:
        node, there = self.redirect(error, host), self._followed_at(log)
        read = partial(self.read_soon, log)  # where it is followed then
        if not isinstance(error, MovedError):
            read = partial(node.reader.read_soon, log, is_asking=True)
        elif there is not None and there is not node:
            there.listener.refuse(error)
        asyncio.get_running_loop().call_later(REDIRECTED_SECONDS, read)
        return True

    def _followed_at(self, log: MessageFollower) -> RedisNode | None:
        return self._followed.get(self.slot_of(log.key), {}).get(log)

    # What becomes of the nodes

    def on_failure(self) -> None:
        """Looks soon which nodes the cluster has. Looks again after a pause if more fails meanwhile."""
        self._must_look = True
        if not self._is_closed and (self._looking is None or self._looking.done()):
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="nodes of a Redis cluster")

    async def _look(self) -> None:
        for pauses in count(1):
            self._must_look = False
            try:
                found = await self._topology.read()
            except ClusterUnknown as error:
                logger.info("The nodes of the Redis cluster are not known: %s", error)
                self._must_look = True
            else:
                self._apply(found)
            await asyncio.sleep(LOOK_SECONDS * min(pauses, MOST_PAUSES))
            if not self._must_look:
                return

    def _apply(self, found: Mapping[int, Address]) -> None:
        """Takes over what the cluster says, and goes on at other nodes if some are not masters any more."""
        masters = {address: self._node_at(address) for address in set(found.values())}
        self._slots = {slot: masters[address] for slot, address in found.items()}
        lost: set[RedisNode | None] = {None}
        for address, node in self._nodes.items():
            node.scripts.has_left = address not in masters
            if address in masters:
                continue
            if node.listener.is_connected:
                node.listener.doubt()
            else:
                lost.add(node)
        self._leave(lost)
        for address, node in list(self._nodes.items()):
            if address in masters:
                continue
            for log in node.reader.take_waiting():
                self.read_soon(log)
            if node in lost:
                logger.warning("%s is not a master of the cluster any more", node.title)
                del self._nodes[address]
                self._run(node.close())

    def _leave(self, lost: AbstractSet[RedisNode | None]) -> None:
        """Has the logs that are followed at these nodes, or nowhere, followed at the masters of their slots."""
        for slot, logs in self._followed.items():
            for log, there in list(logs.items()):
                if there in lost:
                    if there is not None:
                        there.listener.ignore(log)
                        log.on_away(there.listener.away_for)
                    self._follow(log, slot, self._slots.get(slot))

    def _run(self, closing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(closing, name="leaving a node of a Redis cluster")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _fault_of(node: RedisNode) -> Exception | None:
    """Returns why a node cannot serve, or `None`: a `WiringError` if it does not know channels of slots."""
    try:
        await node.scripts.command("SUNSUBSCRIBE")
    except ResponseError as error:
        if "unknown command" in str(error):
            return WiringError(
                f"{node.title} does not know SSUBSCRIBE. Channels on a cluster need Redis 7 or newer on each node."
            )
        return error
    except FAILURES as error:
        return error
    return None
