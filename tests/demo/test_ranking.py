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


def test_a_text_that_only_links_elsewhere_does_not_outrank_what_it_links_to() -> None:
    link = "[Here](streams.md#how-do-i-resume-a-stream), [there](https://example.org/resume?stream=resume#stream)."
    answer = "With event ids, a browser may resume what it has lost, and a stream goes on where it had ended."
    assert Ranking([link, answer, *TEXTS]).best("How do I resume a stream?", limit=1) == [1]


def test_a_links_text_counts_and_so_does_what_stands_in_brackets_elsewhere() -> None:
    assert terms("[Resuming](streams.md#leave) (once)") == terms("resume once")
