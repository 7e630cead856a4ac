"""Ranks texts by how well they match a question, in memory, by BM25 (Robertson and Zaragoza, 2009)."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

_WORD = re.compile(r"[^\W_]+")
# The target of a Markdown link. Its words belong to another text.
_LINK_TARGET = re.compile(r"(?<=\])\([^()\s]*\)")
_SATURATION: Final = 1.2
_LENGTH_WEIGHT: Final = 0.75
# Common words of questions, which do not name a subject.
_FILLERS: Final = frozenset(
    "a about an and are as at be but by can could did do does for from get has have how i if in into is it its "  # noqa: SIM905 - easier to read than a list of strings
    "me my of on or please should so tell than that the their them then there these they this to use used using was "
    "what when where which who why will with would you your".split()
)


class Ranking:
    """An index over texts. A search takes one pass over the texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(terms(text)) for text in texts]
        self._lengths = [max(1, counts.total()) for counts in self._counts]
        self._mean_length = sum(self._lengths) / max(1, len(texts))
        self._holders = Counter(term for counts in self._counts for term in counts)

    def best(self, question: str, limit: int) -> list[int]:
        """Returns the indexes of at most `limit` texts that match, the best first."""
        wanted = set(terms(question))
        scores = [self._score(wanted, position) for position in range(len(self._counts))]
        matching = [position for position, score in enumerate(scores) if score > 0]
        return sorted(matching, key=lambda position: -scores[position])[:limit]

    def _score(self, wanted: set[str], position: int) -> float:
        counts = self._counts[position]
        length = self._lengths[position] / self._mean_length
        damping = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * length)
        return sum(
            self._rarity(term) * counts[term] * (_SATURATION + 1) / (counts[term] + damping)
            for term in wanted & counts.keys()
        )

    def _rarity(self, term: str) -> float:
        holders = self._holders[term]
        return math.log(1 + (len(self._counts) - holders + 0.5) / (holders + 0.5))


def terms(text: str) -> list[str]:
    """Returns the stems of a text's words, without common words and the targets of Markdown links."""
    words: list[str] = _WORD.findall(_LINK_TARGET.sub("", text.lower()))
    return [_stem(word) for word in words if word not in _FILLERS]


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word.removesuffix(ending)
    return word
