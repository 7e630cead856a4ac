import pytest

from demo_app.offline.ranking import Ranking, terms

TEXTS = [
    "streams of events",
    "a stream, a stream, a stream",
    "bread and butter",
    "events, told of in a text whose many other words say little of it",
]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How does streaming work?", [1, 0]),
        ("events", [0, 3]),
        ("butter events", [2, 0, 3]),
        ("the and of", []),
        ("nothing known", []),
        ("", []),
    ],
)
def test_best_returns_the_best_match_first_and_only_matches(question: str, expected: list[int]) -> None:
    assert Ranking(TEXTS).best(question, limit=3) == expected


def test_best_returns_at_most_the_limit() -> None:
    assert len(Ranking(TEXTS).best("stream events butter", limit=2)) == 2


def test_a_ranking_of_no_texts_finds_nothing() -> None:
    assert Ranking([]).best("stream", limit=3) == []


def test_forms_of_a_word_are_one_term() -> None:
    assert terms("Leaves, leaving and LEAVE") == terms("leave leave leave")


def test_a_text_of_links_does_not_outrank_the_linked_text() -> None:
    link = "[Here](streams.md#how-do-i-resume-a-stream), [there](https://example.org/resume?stream=resume#stream)."
    answer = "With event ids, a browser may resume what it has lost, and a stream goes on where it had ended."
    assert Ranking([link, answer, *TEXTS]).best("How do I resume a stream?", limit=1) == [1]


def test_terms_keeps_the_text_of_links_and_words_in_parentheses() -> None:
    assert terms("[Resuming](streams.md#leave) (once)") == terms("resume once")
