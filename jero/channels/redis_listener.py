"""Listens to the messages of channels on Redis: to those that somebody follows, one by one, as they come and go."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from msgspec import Struct
from redis.exceptions import ResponseError

from jero.channels.redis_log import RedisLog
from jero.channels.redis_scripts import ATTEMPT_SECONDS, back_off, make_pool
from jero.channels.ring import Turn

logger = logging.getLogger("jero.channels")

# How many channels one command names, at most.
CHANNELS_PER_COMMAND: Final = 100


class Identity(Struct, frozen=True):
    """Says which Redis answers, and whether it can lose what it has acknowledged.

    `run_id`: another for each process. `replaced`: the history that a replica had before it was promoted. `is_durable`:
    it answers only when the disk has what it answers for.
    """

    run_id: str
    replaced: str
    is_durable: bool

    def has_all_of(self, earlier: "Identity") -> bool:
        """Returns whether this Redis surely has everything that the one before had acknowledged."""
        if self.run_id == earlier.run_id:
            return bool(self.run_id)
        is_restart = not self.replaced.strip("0")
        return is_restart and self.is_durable and earlier.is_durable


class Listener:
    """One task reads messages from one connection, and another writes which channels it is about.

    After each change of what is listened to, Redis acknowledges it. A log is read when the last change of its channel
    is acknowledged: from then on it misses no message. When the connection is lost, a new one listens to all channels,
    and all logs are read. If another Redis answers then, and may have lost events, each log gets a gap.
    """

    def __init__(self, url: str, heartbeat: float, turn: Turn) -> None:
        self._pool = make_pool(url, 1)
        self._heartbeat = heartbeat
        self._turn = turn
        self._database = int(self._pool.connection_kwargs.get("db") or 0)
        self._logs: dict[bytes, RedisLog] = {}
        # What Redis was asked to send last, and how many changes of a channel it has not acknowledged.
        self._sent: set[bytes] = set()
        self._unacknowledged: dict[bytes, int] = {}
        self._changed: dict[bytes, None] = {}
        self._wake = asyncio.Event()
        self._connection: Any = None
        self._life: asyncio.Timeout | None = None
        self._heard = 0
        self._identity: Identity | None = None
        self._task: asyncio.Task[None] | None = None
        self._down_since: float | None = None

    def start(self) -> None:
        """Starts the task."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="channels on Redis")

    def channel_of(self, key: str) -> str:
        """Returns the channel of messages about a key. Messages do not know the databases of a Redis."""
        return f"{key}@{self._database}" if self._database else key

    def listen(self, log: RedisLog) -> None:
        """Has the log receive its messages, soon."""
        channel = self.channel_of(log.key).encode()
        self._logs[channel] = log
        self._change(channel)

    def ignore(self, log: RedisLog) -> None:
        """Has the log receive no messages any more."""
        channel = self.channel_of(log.key).encode()
        self._logs.pop(channel, None)
        self._change(channel)

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
                    await self._recognize()
                failures = 0
                await self._follow()
            except Exception as error:
                self._log_outage(error)
            finally:
                await self._disconnect()
            await back_off(failures)
            failures += 1

    async def _recognize(self) -> None:
        """Finds out whether another Redis answers, which may have lost events."""
        identity = Identity("", "", is_durable=False)
        try:
            info = _pairs((await self._ask("INFO", "server", "replication")).replace(b"\r", b"").split(b"\n"))
            settings = await self._ask("CONFIG", "GET", "appendonly", "appendfsync")
            found = dict(zip(settings[::2], settings[1::2], strict=True))
            is_durable = found.get(b"appendonly") == b"yes" and found.get(b"appendfsync") == b"always"
            identity = Identity(info.get("run_id", ""), info.get("master_replid2", ""), is_durable)
        except ResponseError as error:  # the user of the connection may not ask
            logger.info("Redis does not say which process it is: %s", error)
        if self._identity is not None and not identity.has_all_of(self._identity):
            for log in self._logs.values():
                log.is_doubtful = True
        self._identity = identity

    async def _ask(self, *command: str) -> Any:
        await self._connection.send_command(*command)
        return await self._connection.read_response(disable_decoding=True)

    async def _follow(self) -> None:
        """Listens to all channels until the connection is lost."""
        self._sent.clear()
        self._unacknowledged.clear()
        self._changed = dict.fromkeys(self._logs)
        self._wake.set()
        self._log_recovery()
        writing = asyncio.get_running_loop().create_task(self._write(), name="subscriptions to channels on Redis")
        try:
            async with asyncio.timeout(None) as self._life:
                await self._read()
        finally:
            self._life = None
            writing.cancel()
            await asyncio.wait((writing,))

    async def _read(self) -> None:
        read = self._connection.read_response
        while True:
            answer = await read(disable_decoding=True, timeout=math.inf)
            self._heard += 1
            if self._turn.is_over():
                await asyncio.sleep(0)
            if answer[0] == b"message":
                log = self._logs.get(answer[1])
                if log is not None:
                    log.on_message(answer[2])
            elif answer[0] in (b"subscribe", b"unsubscribe"):
                self._acknowledge(answer[1])

    def _acknowledge(self, channel: bytes) -> None:
        """Counts the acknowledgement of a change. After the last one, the log of the channel is read."""
        count = self._unacknowledged.get(channel, 1) - 1
        if count:
            self._unacknowledged[channel] = count
            return
        self._unacknowledged.pop(channel, None)
        log = self._logs.get(channel)
        if log is not None and channel in self._sent:
            log.on_subscribed()

    async def _write(self) -> None:
        """Sends changes, and asks for a sign of life if nothing was heard. Ends the connection if that fails."""
        now = asyncio.get_running_loop().time
        heard, is_asked, deadline = self._heard, False, now() + self._heartbeat
        try:
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._wake.wait()
                except TimeoutError:
                    is_silent = heard == self._heard
                    if is_silent and is_asked:
                        raise
                    is_asked = is_silent
                    if is_asked:
                        await self._send([("PING",)])
                    heard, deadline = self._heard, now() + (ATTEMPT_SECONDS if is_asked else self._heartbeat)
                else:
                    self._wake.clear()
                    await self._send_changes()
        except Exception as error:
            self._end(error)

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
                self._logs[channel].on_subscribed()
        commands = [("SUBSCRIBE", *names) for names in _chunks(come)] + [
            ("UNSUBSCRIBE", *names) for names in _chunks(gone)
        ]
        if commands:
            await self._send(commands)

    async def _send(self, commands: Sequence[tuple[Any, ...]]) -> None:
        async with asyncio.timeout(ATTEMPT_SECONDS + self._heartbeat):
            await self._connection.send_packed_command(self._connection.pack_commands(commands), check_health=False)

    def _end(self, error: Exception) -> None:
        self._log_outage(error)
        if self._life is not None:
            self._life.reschedule(asyncio.get_running_loop().time())

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it is not used any more, whatever its state
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    await connection.disconnect(nowait=True)

    def _log_outage(self, error: Exception) -> None:
        if self._down_since is None:
            self._down_since = monotonic()
            logger.warning("Redis does not answer and is retried: %s", str(error) or type(error).__name__)

    def _log_recovery(self) -> None:
        if self._down_since is not None:
            logger.warning("Redis answers again, after %.1f s", monotonic() - self._down_since)
            self._down_since = None


def _pairs(lines: Sequence[bytes]) -> dict[str, str]:
    """Returns the names and values of lines such as "run_id:7a2f"."""
    parts = (line.decode().partition(":") for line in lines)
    return {name: value for name, _, value in parts}


def _chunks(channels: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [channels[at : at + CHANNELS_PER_COMMAND] for at in range(0, len(channels), CHANNELS_PER_COMMAND)]
