"""Answers questions as runs: an answer goes on if its client leaves, and any client that has its id follows it."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

from msgspec import Struct

from demo_app.answers import Answers
from jero import StreamOutcome
from jero.channels import Store
from jero.runs import Run, Runs, RunStream

# The demo does not know who asks. So all runs have one owner, and the random id of a run is what permits to follow and
# to stop it: whoever has the id may do both, and nobody can guess it.
ANYBODY: Final = "anybody"
MAX_ANSWERS: Final = 1_000
# Seconds. Nobody has to follow an answer, so this is what ends one that goes on and on.
MAX_DURATION: Final = 600.0
# Seconds. If the process of an answer dies, its followers learn it after this time.
LOST_AFTER: Final = 5.0
DRAIN_TIMEOUT: Final = 5.0


class AnswerChunk(Struct):
    """A word or two of the answer."""

    text: str


class Questions:
    """Answers to questions, kept in a store.

    `on_answer` is called with the outcome of each answer, once it has ended in any way but with its process.
    """

    def __init__(
        self, answers: Answers, runs: Runs[AnswerChunk], on_answer: Callable[[StreamOutcome], Awaitable[None]]
    ) -> None:
        self._answers = answers
        self._runs = runs
        self._on_answer = on_answer
        self.upstream_timeout = answers.upstream_timeout

    async def ask(self, question: str, key: str | None = None) -> Run:
        """Starts the answer to a question. The same key with the same question is the same answer.

        Raises as `Runs.start` does.
        """
        return await self._runs.start(self._answering(question), owner=ANYBODY, key=key, request=question)

    async def follow(self, run_id: str, after: str | None = None) -> RunStream[AnswerChunk]:
        """Returns the words of an answer after the one with this id. Raises as `Runs.follow` does."""
        return await self._runs.follow(run_id, owner=ANYBODY, after=after)

    async def stop(self, run_id: str) -> None:
        """Stops an answer, and its request to the model. Raises as `Runs.stop` does."""
        await self._runs.stop(run_id, owner=ANYBODY)

    async def _answering(self, question: str) -> AsyncGenerator[AsyncIterator[AnswerChunk], StreamOutcome]:
        # It outlives the request that asks, so it uses nothing that a request has opened.
        outcome = yield self._chunks(question)
        await self._on_answer(outcome)

    async def _chunks(self, question: str) -> AsyncIterator[AnswerChunk]:
        async with aclosing(self._answers.to(question)) as words:
            async for word in words:
                yield AnswerChunk(word)


def answer_runs(store: Store) -> Runs[AnswerChunk]:
    """Returns the runs of the demo's answers in a store, to be entered with `async with`."""
    return Runs(
        store,
        AnswerChunk,
        name="answers",
        max_duration=MAX_DURATION,
        max_runs=MAX_ANSWERS,
        max_runs_per_owner=MAX_ANSWERS,
        lost_after=LOST_AFTER,
        drain_timeout=DRAIN_TIMEOUT,
    )
