"""Runs scripts on Redis, again until Redis answers, and publishes events with them."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.exceptions import AskError, MovedError, RedisError

from jero.channels.kind import KindOptions
from jero.channels.redis_access import APPEND, Call
from jero.channels.redis_connections import FAILURES, back_off
from jero.channels.redis_node import RedisNode
from jero.channels.redis_nodes import Nodes
from jero.channels.store import ChannelUnavailable

# How long Redis remembers an event's token. A repeated command that arrives later would store the event twice.
TOKEN_MILLISECONDS: Final = 60_000
_TOKENS_PER_DELETE: Final = 32
_MOST_TOKENS: Final = 1_000
# How many nodes name another one, at most, in one attempt.
_MOST_REDIRECTS: Final = 5


class RetryingScripts:
    """Runs each script on the node that has its keys.

    Each page of a replay is a call, so subscribers that come back take turns. `last_error`: as `RedisAccess` says.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._is_closed = False
        self.failures = 0
        self.last_error: Exception | None = None
        # Tokens of events whose scripts cannot run again, by slot. The next publications there delete them.
        self._finished_tokens: dict[int, list[str]] = defaultdict(list)

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """Returns the result of a script. Waits as long as Redis does not answer, and the store is open.

        All keys are in one slot. Raises `ChannelUnavailable` if the store is closed.
        """
        failures = 0
        while True:
            self._check_open()
            try:
                return await self._attempt(script, keys, arguments)
            except FAILURES as error:
                self._failed(error)
            await back_off(failures)
            failures += 1

    async def run_together(self, script: str, calls: Sequence[Call]) -> Sequence[Any]:
        """Returns the answers to many calls of a script, which are sent together to each node: results, or errors.

        Tries once; calls may run twice. Raises an error of `FAILURES` if no node answers, and `ChannelUnavailable` if
        the store is closed.
        """
        self._check_open()
        answers: list[Any] = [None] * len(calls)
        places, failures = self._places(calls)
        sending = (self._send(node, script, [calls[place] for place in there]) for node, there in places.items())
        for there, found in zip(places.values(), await asyncio.gather(*sending), strict=True):
            if isinstance(found, Exception):
                failures.update(dict.fromkeys(there, found))
            else:
                for place, answer in zip(there, found, strict=True):
                    answers[place] = answer
        await self._follow_redirects(script, calls, answers)
        for place, error in failures.items():
            answers[place] = error
        if failures:
            error = next(iter(failures.values()))
            self._failed(error)
            if len(failures) == len(calls):
                raise error
        return answers

    def _places(self, calls: Sequence[Call]) -> tuple[Mapping[RedisNode, Sequence[int]], dict[int, Exception]]:
        """Returns which calls go to which node, and why others go nowhere: no node of the cluster has their slot."""
        places: dict[RedisNode, list[int]] = defaultdict(list)
        failures: dict[int, Exception] = {}
        for place, (keys, _) in enumerate(calls):
            try:
                places[self._nodes.node_of(keys[0])].append(place)
            except RedisError as error:
                failures[place] = error
        return places, failures

    async def _send(self, node: RedisNode, script: str, calls: Sequence[Call]) -> Sequence[Any] | Exception:
        """Returns the answers of a node, or why it does not answer."""
        try:
            return await node.scripts.run_together(script, calls)
        except FAILURES as error:
            return error

    async def _follow_redirects(self, script: str, calls: Sequence[Call], answers: list[Any]) -> None:
        """Replaces the answers that name another node by those of that node."""
        places = [place for place, answer in enumerate(answers) if isinstance(answer, AskError)]
        # At once: if the node that is named does not answer, one call must not wait for the other.
        found = await asyncio.gather(*(self._elsewhere(script, calls[place]) for place in places))
        for place, answer in zip(places, found, strict=True):
            answers[place] = answer

    async def _elsewhere(self, script: str, call: Call) -> Any:
        """Returns the answer to a call whose keys are on another node now, or are on the way there."""
        try:
            return await self._attempt(script, *call)
        except FAILURES as error:
            return error

    def close(self) -> None:
        """Has scripts that wait for Redis fail, and later ones."""
        self._is_closed = True

    def open(self) -> None:
        """Lets scripts run."""
        self._is_closed = False

    def _check_open(self) -> None:
        if self._is_closed:
            raise ChannelUnavailable("The store is closed.") from self.last_error

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self.last_error = error
        self._nodes.on_failure()

    async def _attempt(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """Runs a script once, on the node that a node names if the keys are elsewhere."""
        node, is_asking = self._nodes.node_of(keys[0]), False
        for _ in range(_MOST_REDIRECTS):
            try:
                return await node.scripts.run(script, keys, arguments, is_asking=is_asking)
            except AskError as error:
                node, is_asking = self._nodes.redirect(error, node.host), not isinstance(error, MovedError)
        return await node.scripts.run(script, keys, arguments, is_asking=is_asking)

    async def append(self, key: str, options: KindOptions, content: Sequence[str | bytes]) -> bytes:
        """Stores an event once, and publishes it. Returns its id."""
        token = f"{token_prefix(key)}{secrets.token_hex(16)}"
        finished = self._finished_tokens[self._nodes.slot_of(key)]
        deletable = finished[:_TOKENS_PER_DELETE]
        del finished[:_TOKENS_PER_DELETE]
        keep = "" if options.keep is None else max(1, int(options.keep * 1_000))
        limits = (options.history, options.history_bytes, keep, TOKEN_MILLISECONDS)
        failures = self.failures
        first_number = secrets.randbits(62) + 1
        publish = (self._nodes.options.pubsub.publish, self._nodes.channel_of(key))
        answer: bytes = await self.run(APPEND, [key, token, *deletable], (*limits, first_number, *publish, *content))
        ran_once = failures == self.failures  # so no copy of the script can arrive later
        if ran_once and len(finished) < _MOST_TOKENS:
            finished.append(token)
        return answer

    async def renew(self, keys: Sequence[str], keep_seconds: float) -> None:
        """Has the keys expire after `keep_seconds` from now, if they exist. Tries once."""
        milliseconds = max(1, int(keep_seconds * 1_000))
        renewing = (self._renew(node, keys, milliseconds) for node, keys in self._nodes.group(keys))
        await asyncio.gather(*renewing)

    async def _renew(self, node: RedisNode, keys: Sequence[str], milliseconds: int) -> None:
        try:
            answers = await node.scripts.expire(keys, milliseconds)
        except FAILURES:  # the next renewal comes in time
            self._nodes.on_failure()
            return
        for answer in answers:
            if isinstance(answer, MovedError):
                self._nodes.redirect(answer, node.host)


def token_prefix(key: str) -> str:
    """Returns the beginning of the keys that remember which events a stream has. A cluster keeps them beside it."""
    return f"{key}:stored:" if "{" in key else f"{{{key}}}:stored:"
