"""A model that does not think: it quotes the documentation."""

import re
from collections.abc import Sequence
from typing import Final

from demo_app.offline.documentation import Passage
from demo_app.offline.ranking import Ranking

QUOTES: Final = 2
_FEW_WORDS = re.compile(r"\s*\S+(?:\s+\S+)?\s*")

_INTRODUCTION: Final = (
    "This is the offline model of jero's demo: no mind, only a search in jero's own documentation. "
    "Set OPENAI_API_KEY to ask a real one."
)
_NOTHING: Final = "Nothing there matches your question. Ask about streams, server-sent events, NDJSON or errors."


class OfflineModel:
    """Answers with the passages that match a question best, saying where they stand."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        # A heading says what a passage is about, so that its words count twice.
        self._ranking = Ranking([f"{one.heading} {one.heading} {one.text}" for one in passages])

    def answer(self, question: str) -> str:
        """The whole answer, in Markdown."""
        quotes = [self._quote(position) for position in self._ranking.best(question, QUOTES)]
        return "\n\n".join([_INTRODUCTION, *(quotes or [_NOTHING])])

    def _quote(self, position: int) -> str:
        passage = self._passages[position]
        return f"From {passage.page}, under “{passage.heading}”:\n\n{passage.text}"


def few_words(answer: str) -> list[str]:
    """The answer in pieces of one word or two, which joined are the answer."""
    return _FEW_WORDS.findall(answer)
