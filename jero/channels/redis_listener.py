"""Listens to the messages of channels on Redis: to those that somebody follows, one by one, as they come and go."""

import asyncio
import contextlib
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from msgspec import Struct
from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, RedisError, ResponseError

from jero.channels.redis_access import MessageFollower, StreamFollower
from jero.channels.redis_connections import ATTEMPT_SECONDS, ConnectionOptions, back_off
from jero.channels.redis_identity import Identity, read_identity, unknown
from jero.channels.ring import Turn

logger = logging.getLogger("jero.channels")


class PubSub(Struct, frozen=True):
    """Names the commands and answers of channels of messages: those of a Redis, or those of a slot of a cluster.

    `channels_per_command`: how many channels one command names, at most. `needs_master`: a replica is not listened to.
    """

    publish: str
    subscribe: str
    unsubscribe: str
    message: bytes
    channels_per_command: int
    needs_master: bool

    @property
    def unsubscribed(self) -> bytes:
        """Returns the first word of an answer that says that no more messages of a channel come."""
        return self.unsubscribe.lower().encode()


PLAIN: Final = PubSub("PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE", b"message", 100, needs_master=False)
SHARDED: Final = PubSub("SPUBLISH", "SSUBSCRIBE", "SUNSUBSCRIBE", b"smessage", 1, needs_master=True)


class ReplicaFound(RedisError):
    """A node that was a master of a cluster is a replica now, or may have been one since."""


class NodeOwner(ABC):
    """Knows which Redis has which streams, and is told what the connections find out."""

    @abstractmethod
    def on_failure(self) -> None:
        """Notes that a connection has failed."""

    @abstractmethod
    def on_redirect(self, log: StreamFollower, error: AskError, host: str) -> bool:
        """Has a log read at the Redis that an error of one at `host` names. Returns `False` if there is not any."""

    @abstractmethod
    def on_moved(self, listener: "Listener", error: MovedError) -> None:
        """Has the logs that another Redis has now listened to there. Raises the error if there is not any."""

    @abstractmethod
    def read_soon(self, log: StreamFollower) -> None:
        """Has the log take a snapshot of its stream."""


class Listener:
    """One task reads messages from one connection to one Redis, and another writes which channels it is about.

    After each change of what is listened to, Redis acknowledges it. A log is read when the last change of its channel
    is acknowledged: from then on it misses no message. When the connection is lost, a new one listens to all channels,
    and all logs are read. If another Redis answers then, and may have lost events, each log gets a gap.

    The slot of a channel may move to another node of a cluster. Then Redis ends the subscription, and refuses the next
    one with the address of that node. If the node itself has become a replica, it ends all subscriptions, but does not
    refuse the next ones, unless their slots move. So a node that says that a slot is elsewhere is asked on another
    connection whether it has been a master all the time. If not, the listener connects again, and the logs compare what
    the node is then with what it was.

    `host`: where Redis is, if the options say so. `follows_since`: when the connection began to listen, by
    `time.monotonic`.
    """

    def __init__(
        self, title: str, options: ConnectionOptions, pubsub: PubSub, heartbeat: float, turn: Turn, owner: NodeOwner
    ) -> None:
        self._title = title
        self.host = options.host
        self._address = _address(*(options.arguments.get(name, "") for name in ("host", "port")))
        self._pool = options.pool(1)
        self._pubsub = pubsub
        self._heartbeat = heartbeat
        self._turn = turn
        self._owner = owner
        self._database = options.database
        self._logs: dict[bytes, MessageFollower] = {}
        # What Redis was asked to send last, and how many changes of a channel it has not acknowledged.
        self._sent: set[bytes] = set()
        self._unacknowledged: dict[bytes, int] = {}
        # The channels that Redis has ended the subscriptions of.
        self._ended: set[bytes] = set()
        self._changed: dict[bytes, None] = {}
        self._wake = asyncio.Event()
        self._connection: Any = None
        self._life: asyncio.Timeout | None = None
        # What Redis has said of slots that it does not have, and whether it may not be the master that it was.
        self._refused: list[MovedError] = []
        self._is_doubted = False
        self._heard = 0
        self._identity = unknown()
        self._task: asyncio.Task[None] | None = None
        self._down_since: float | None = None
        # When it was surely still connected.
        self._alive_at = monotonic()
        self.follows_since = monotonic()

    def start(self) -> None:
        """Starts the task."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="channels on Redis")

    def channel_of(self, key: str) -> str:
        """Returns the channel of messages about a key. Messages do not know the databases of a Redis."""
        return f"{key}@{self._database}" if self._database else key

    def listen(self, log: MessageFollower) -> None:
        """Has the log receive its messages, soon."""
        channel = self.channel_of(log.key).encode()
        self._logs[channel] = log
        self._change(channel)

    def ignore(self, log: MessageFollower) -> None:
        """Has the log receive no messages any more."""
        channel = self.channel_of(log.key).encode()
        self._logs.pop(channel, None)
        self._change(channel)

    def hand_over(self, log: MessageFollower, heir: Identity) -> None:
        """Has the log receive no messages from this Redis, which said that the heir has its stream now."""
        channel = self.channel_of(log.key).encode()
        for known in (self._logs, self._unacknowledged, self._changed):
            known.pop(channel, None)
        self._sent.discard(channel)
        self._ended.discard(channel)
        log.on_handed_over(self._identity, heir)

    def refuse(self, error: MovedError) -> None:
        """Has the owner told that another Redis has a slot, as this one said, once it is known to be what it was."""
        self._refused.append(error)
        self._wake.set()

    def doubt(self) -> None:
        """Finds out soon whether this Redis is still the master that it was. If it is not, connects again."""
        self._is_doubted = True
        self._wake.set()

    @property
    def identity(self) -> Identity:
        """Returns which Redis answers, as far as is known: its address at least, if it is of a cluster."""
        return self._identity if self._identity.run_id else unknown(self._address)

    @property
    def away_for(self) -> float:
        """Returns for how many seconds messages may have been missed."""
        return monotonic() - self._alive_at

    @property
    def is_connected(self) -> bool:
        """Returns whether Redis answers, as far as is known."""
        return self._life is not None

    async def close(self) -> None:
        """Ends the task and closes the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def _change(self, channel: bytes) -> None:
        self._changed[channel] = None
        self._wake.set()

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                self._connection = self._pool.make_connection()
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    await self._connection.connect()
                    self._identity = unknown()
                    self._identity = await self._recognize(self._connection)
                failures = 0
                await self._follow()
            except Exception as error:
                self._log_outage(error)
            finally:
                connection, self._connection = self._connection, None
                if connection is not None:
                    await _disconnect(connection)
            self._owner.on_failure()
            await back_off(failures)
            failures += 1

    async def _recognize(self, connection: Any) -> Identity:
        """Returns which Redis answers. Raises `ReplicaFound` if it is a replica and must not be one."""
        info = await self._ask(connection, "INFO", "server", "replication")
        if info is None:
            return unknown()
        # Services that run a Redis for others often refuse `CONFIG`.
        settings = await self._ask(connection, "CONFIG", "GET", "appendonly", "appendfsync") or ()
        address = _address(*(getattr(connection, name, "") for name in ("host", "port")))
        identity = read_identity(info, settings, address)
        if self._pubsub.needs_master and identity.is_replica:
            raise ReplicaFound("it is a replica now")
        return identity

    async def _ask(self, connection: Any, *command: str) -> Any:
        """Returns the answer to a command, or `None` if the user of the connection may not use it."""
        await connection.send_command(*command)
        try:
            return await connection.read_response(disable_decoding=True)
        except ResponseError as error:
            logger.info("%s does not answer %s: %s", self._title, command[0], error)
            return None

    async def _verify(self) -> None:
        """Raises `ReplicaFound` if this Redis is not the master that it was, or has not been one all the time.

        Asks on another connection, since one with subscriptions takes no such question.
        """
        connection = self._pool.make_connection()
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await connection.connect()
                identity = await self._recognize(connection)
        finally:
            await _disconnect(connection)
        if identity.run_id and not identity.is_unbroken_since(self._identity):
            raise ReplicaFound("it has been a replica")
        self._identity = identity if identity.run_id else self._identity

    async def _follow(self) -> None:
        """Listens to all channels until the connection is lost."""
        for log in self._logs.values():
            log.on_away(self.away_for)
        self._alive_at = monotonic()
        self._sent.clear()
        self._unacknowledged.clear()
        self._ended.clear()
        self._refused.clear()
        self._is_doubted = False
        self._changed = dict.fromkeys(self._logs)
        self._wake.set()
        self._log_recovery()
        self.follows_since = monotonic()
        writing = asyncio.get_running_loop().create_task(self._write(), name="subscriptions to channels on Redis")
        try:
            async with asyncio.timeout(None) as self._life:
                await self._read()
        finally:
            self._life = None
            writing.cancel()
            await asyncio.wait((writing,))

    async def _read(self) -> None:
        read, message = self._connection.read_response, self._pubsub.message
        while True:
            try:
                answer = await read(disable_decoding=True, timeout=math.inf)
            except MovedError as error:
                self._refuse_change(error.slot_id)
                self.refuse(error)
                continue
            self._heard += 1
            if self._turn.is_over():
                await asyncio.sleep(0)
            if answer[0] == message:
                log = self._logs.get(answer[1])
                if log is not None:
                    log.on_message(answer[2])
            elif len(answer) == 3:
                self._on_change(answer[0], answer[1])

    def _on_change(self, kind: bytes, channel: bytes) -> None:
        """Counts the acknowledgement of a change. After the last one, the log of the channel is read."""
        if kind == self._pubsub.unsubscribed and channel not in self._unacknowledged:
            self._sent.discard(channel)
            self._ended.add(channel)
            self._change(channel)
            return
        if channel in self._ended:  # it was not refused, as it is if a slot has moved
            raise ReplicaFound("it has ended subscriptions")
        count = self._unacknowledged.get(channel, 1) - 1
        if count:
            self._unacknowledged[channel] = count
            return
        self._unacknowledged.pop(channel, None)
        log = self._logs.get(channel)
        if log is not None and channel in self._sent:
            log.on_subscribed(self._identity)

    def _refuse_change(self, slot: int) -> None:
        """Forgets the change that Redis refused: the first one of a channel in that slot."""
        for channel in self._unacknowledged:
            if key_slot(channel) == slot:
                del self._unacknowledged[channel]
                self._sent.discard(channel)
                return

    async def _write(self) -> None:
        """Sends changes, and asks for a sign of life if nothing was heard. Ends the connection if that fails."""
        now = asyncio.get_running_loop().time
        heard, is_asked, deadline = self._heard, False, now() + self._heartbeat
        looked_at = monotonic()
        try:
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._wake.wait()
                except TimeoutError:
                    is_silent = heard == self._heard
                    if is_silent and is_asked:
                        raise
                    if not is_silent:
                        self._alive_at = looked_at
                    looked_at = monotonic()
                    is_asked = is_silent
                    if is_asked:
                        await self._send([("PING",)])
                    heard, deadline = self._heard, now() + (ATTEMPT_SECONDS if is_asked else self._heartbeat)
                else:
                    self._wake.clear()
                    await self._hand_over_refused()
                    await self._send_changes()
        except Exception as error:
            self._end(error)

    async def _hand_over_refused(self) -> None:
        """Has the owner told which slots are elsewhere, and looks whether this Redis is what it was before that."""
        refused, self._refused = self._refused, []
        if refused or self._is_doubted:
            self._is_doubted = False
            await self._verify()
            for error in refused:
                self._owner.on_moved(self, error)

    async def _send_changes(self) -> None:
        changed, self._changed = self._changed, {}
        come = [channel for channel in changed if channel in self._logs and channel not in self._sent]
        gone = [channel for channel in changed if channel not in self._logs and channel in self._sent]
        self._sent.update(come)
        self._sent.difference_update(gone)
        for channel in (*come, *gone):
            self._unacknowledged[channel] = self._unacknowledged.get(channel, 0) + 1
        for channel in changed.keys() - {*come, *gone}:
            if channel in self._logs and channel not in self._unacknowledged:  # it came back before Redis was told
                self._logs[channel].on_subscribed(self._identity)
        commands = [(self._pubsub.subscribe, *names) for names in self._chunks(come)]
        commands += [(self._pubsub.unsubscribe, *names) for names in self._chunks(gone)]
        if commands:
            await self._send(commands)

    async def _send(self, commands: Sequence[tuple[Any, ...]]) -> None:
        async with asyncio.timeout(ATTEMPT_SECONDS + self._heartbeat):
            await self._connection.send_packed_command(self._connection.pack_commands(commands), check_health=False)

    def _end(self, error: Exception) -> None:
        self._log_outage(error)
        if self._life is not None:
            self._life.reschedule(asyncio.get_running_loop().time())

    def _log_outage(self, error: Exception) -> None:
        if self._down_since is None:
            self._down_since = monotonic()
            logger.warning("%s does not answer and is retried: %s", self._title, str(error) or type(error).__name__)

    def _log_recovery(self) -> None:
        if self._down_since is not None:
            logger.warning("%s answers again, after %.1f s", self._title, monotonic() - self._down_since)
            self._down_since = None

    def _chunks(self, channels: Sequence[bytes]) -> list[Sequence[bytes]]:
        size = self._pubsub.channels_per_command
        return [channels[at : at + size] for at in range(0, len(channels), size)]


async def _disconnect(connection: Any) -> None:
    with contextlib.suppress(Exception):  # it is not used any more, whatever its state
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await connection.disconnect(nowait=True)


def _address(host: object, port: object) -> str:
    """Returns the address that an identity has: only a colon if it is of a Unix socket."""
    return f"{host}:{port}"
