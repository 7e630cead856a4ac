"""Reads the streams whose rings may lack entries: many in one pipeline, and page by page."""

import asyncio
import logging
from collections.abc import Sequence
from hashlib import sha1
from typing import Any, Final

from redis.exceptions import AskError, NoScriptError, RedisError

from jero.channels.redis_access import READ, StreamFollower
from jero.channels.redis_connections import ATTEMPT_SECONDS, ConnectionOptions, back_off
from jero.channels.redis_listener import NodeOwner
from jero.channels.ring import BATCH_BYTES
from jero.channels.stream import make_snapshot

logger = logging.getLogger("jero.channels")

# How many streams are read in one pipeline, and how many bytes of entries it returns, at most; each stream may have one
# entry that is larger.
STREAMS: Final = 100
PIPELINE_BYTES: Final = 1024 * 1024
# How often a channel is retried if its key cannot be read.
UNREADABLE_SECONDS: Final = 1.0

_SHA: Final = sha1(READ.encode(), usedforsecurity=False).hexdigest()


class StreamReader:
    """One task with one connection to one Redis, which reads the streams of logs that ask for it."""

    def __init__(self, options: ConnectionOptions, owner: NodeOwner) -> None:
        self._redis = options.client(1)
        self._host = options.host
        self._owner = owner
        # Which logs wait, and whether Redis is asked for a stream whose slot it does not have yet.
        self._waiting: dict[StreamFollower, bool] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the task."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="reads of channels on Redis")

    def read_soon(self, log: StreamFollower, *, is_asking: bool = False) -> None:
        """Has the log take a snapshot of its stream. `is_asking`: the slot of the stream is on its way here."""
        if not (log.is_closed or log.is_gone):
            self._waiting[log] = is_asking
            self._wake.set()

    def take_waiting(self) -> list[StreamFollower]:
        """Returns the logs that wait. They do not wait here any more."""
        waiting, self._waiting = self._waiting, {}
        return list(waiting)

    async def close(self) -> None:
        """Ends the task and closes the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self._redis.connection_pool.disconnect()

    async def _run(self) -> None:
        failures = 0
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                logs = [log for log, _ in zip(self._waiting, range(STREAMS), strict=False)]
                try:
                    async with asyncio.timeout(ATTEMPT_SECONDS):
                        answers = await self._read(logs)
                except Exception:  # whatever it is, reading goes on
                    await self._redis.connection_pool.disconnect()
                    self._owner.on_failure()
                    await back_off(failures)
                    failures += 1
                    continue
                failures = 0
                for log, answer in zip(logs, answers, strict=True):
                    if log in self._waiting:
                        del self._waiting[log]
                        self._give(log, answer)
                await asyncio.sleep(0)

    async def _read(self, logs: Sequence[StreamFollower]) -> Sequence[Any]:
        """Returns the answer of the script for each log: a list, or an error that concerns that log alone."""
        max_bytes = max(BATCH_BYTES, PIPELINE_BYTES // len(logs))
        while True:
            async with self._redis.pipeline(transaction=False) as pipeline:
                asked: list[int] = []  # the places of the answers that count
                for log in logs:
                    if self._waiting.get(log):
                        pipeline.execute_command("ASKING")
                    asked.append(len(pipeline))
                    pipeline.execute_command("EVALSHA", _SHA, 1, log.key, *log.read_arguments(max_bytes))
                all_answers: list[Any] = await pipeline.execute(raise_on_error=False)
            answers = [all_answers[place] for place in asked]
            if not any(isinstance(answer, NoScriptError) for answer in answers):
                return answers
            await self._redis.script_load(READ)

    def _give(self, log: StreamFollower, answer: Any) -> None:
        if isinstance(answer, AskError) and self._owner.on_redirect(log, answer, self._host):
            return
        try:
            if isinstance(answer, RedisError):
                raise answer
            log.take(make_snapshot(answer))
        except Exception as error:  # a fault of one channel does not stop the others
            self._retry_later(log, error)
        else:
            if log.is_unreadable:
                log.is_unreadable = False
                logger.warning("%s can be read again", log.key)

    def _retry_later(self, log: StreamFollower, error: Exception) -> None:
        is_refused = isinstance(error, RedisError)
        if not is_refused:
            log.lose_track()
        if not log.is_unreadable:
            log.is_unreadable = True
            fault = None if is_refused else error
            logger.warning("%s cannot be read and is retried: %s", log.key, error, exc_info=fault)
        asyncio.get_running_loop().call_later(UNREADABLE_SECONDS, self._retry, log)

    def _retry(self, log: StreamFollower) -> None:
        if not (log.is_closed or log.is_gone):
            self._owner.read_soon(log)
