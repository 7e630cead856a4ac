"""Calls of a script that are sent together, some of which are answered by another node."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from redis.exceptions import MovedError, ResponseError

from jero.channels.redis_access import Call
from jero.channels.redis_nodes import Nodes
from jero.channels.redis_scripts import RetryingScripts
from tests.channels.redis_server import PATIENCE


class MovingNodes:
    """A cluster of two nodes: one answers calls that are sent together, and the other has the keys "moved" now."""

    def __init__(self, moved: int) -> None:
        self.scripts = self
        self._are_there = asyncio.Barrier(moved)

    def node_of(self, key: str) -> "MovingNodes":
        return self

    def redirect(self, error: MovedError) -> "MovingNodes":
        return self

    def on_failure(self) -> None:
        """Does nothing."""

    async def run_together(self, script: str, calls: Sequence[Call]) -> list[Any]:
        answers = {"here": b"here", "moved": MovedError("1 127.0.0.1:7000"), "wrong": ResponseError("wrong")}
        return [answers[keys[0]] for keys, _ in calls]

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Any], *, is_asking: bool) -> bytes:
        await self._are_there.wait()  # each call waits until all have come
        return b"there"


async def test_calls_whose_keys_have_moved_do_not_wait_for_each_other() -> None:
    scripts = RetryingScripts(cast("Nodes", MovingNodes(moved=3)))
    names = ["moved", "here", "moved", "wrong", "moved"]
    async with asyncio.timeout(PATIENCE):
        answers = await scripts.run_together("", [([name], []) for name in names])
    assert isinstance(answers[3], ResponseError)
    assert [answer for answer in answers if answer is not answers[3]] == [b"there", b"here", b"there", b"there"]
