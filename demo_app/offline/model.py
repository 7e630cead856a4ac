"""Answers a question with quotes from the documentation."""

import re
from collections.abc import Sequence
from typing import Final

from demo_app.offline.documentation import Passage
from demo_app.offline.ranking import Ranking

QUOTES: Final = 2
_FEW_WORDS = re.compile(r"\s*\S+(?:\s+\S+)?\s*")

_INTRODUCTION: Final = (
    "This is the offline model of jero's demo. It does not think: it searches jero's documentation. "
    "Set OPENAI_API_KEY to ask a real model."
)
_NOTHING: Final = "No passage matches your question. Ask about streams, server-sent events, NDJSON or errors."


class OfflineModel:
    """A model that answers with the passages that match a question best, and names their pages."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        # A heading names the passage's subject, so its words count twice.
        self._ranking = Ranking([f"{passage.heading} {passage.heading} {passage.text}" for passage in passages])

    def answer(self, question: str) -> str:
        """Returns the whole answer, in Markdown."""
        quotes = [self._quote(position) for position in self._ranking.best(question, QUOTES)]
        return "\n\n".join([_INTRODUCTION, *(quotes or [_NOTHING])])

    def _quote(self, position: int) -> str:
        passage = self._passages[position]
        return f"From {passage.page}, under “{passage.heading}”:\n\n{passage.text}"


def few_words(answer: str) -> list[str]:
    """Splits the answer into pieces of one word or two. The joined pieces are the answer."""
    return _FEW_WORDS.findall(answer)
