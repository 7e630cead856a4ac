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
def test_the_best_match_comes_first_and_what_does_not_match_is_left_out(question: str, expected: list[int]) -> None:
    assert Ranking(TEXTS).best(question, limit=3) == expected


def test_no_more_than_asked_for() -> None:
    assert len(Ranking(TEXTS).best("stream events butter", limit=2)) == 2


def test_nothing_to_rank() -> None:
    assert Ranking([]).best("stream", limit=3) == []


def test_forms_of_a_word_are_one_term() -> None:
    assert terms("Leaves, leaving and LEAVE") == terms("leave leave leave")
