"""Each mistake of a beginner is answered in a sentence or two that name the class, and say what to write."""

import re
from typing import Final

import pytest

from tests.mistakes import annotations, channels, dependencies, guards, names, parameters, returns, wiring
from tests.mistakes.program import Mistake, run

MISTAKES: Final[dict[str, Mistake]] = {
    **names.MISTAKES,
    **annotations.MISTAKES,
    **parameters.MISTAKES,
    **returns.MISTAKES,
    **wiring.MISTAKES,
    **dependencies.MISTAKES,
    **guards.MISTAKES,
    **channels.MISTAKES,
}
MOST_WORDS: Final = 40
MOST_WORDS_OF_A_SENTENCE: Final = 30
# The classes and functions of a program, and the methods that it calls in `_wire`.
NAMES: Final = re.compile(r"\b[A-Z]\w+|(?<=def )\w+|\b_include_\w+|\b_a?enter\b")
# What a user may write that begins with an underscore: hooks, methods for `_wire`, and methods of the programs.
PUBLIC: Final = re.compile(r"_(wire|on_stream_\w+|include_\w+|a?enter|lifespann?|movies|all|items)\b")
INTERNAL: Final = re.compile(
    r"\bjero\.\w+\.|\bmsgspec\.|\bprogram\.|<locals>|0x[0-9a-f]+|StructMeta|(?<![\w.])_[a-z]\w+"
)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_with_what_to_write(mistake: str, caplog: pytest.LogCaptureFixture) -> None:
    when, program, sentence = MISTAKES[mistake]
    answer = run(program, caplog.records)
    assert answer == (when, sentence)
    assert set(NAMES.findall(program)) & set(re.findall(r"\w+", sentence)), "it does not name the class or the call"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_answer_is_short_and_has_no_internal_names(mistake: str) -> None:
    sentence = MISTAKES[mistake].sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence.split()) <= MOST_WORDS
    assert all(len(part.split()) <= MOST_WORDS_OF_A_SENTENCE for part in sentence.split(". "))
    assert not INTERNAL.findall(PUBLIC.sub("", sentence))
