from tests.docs.example import Example
from tests.programs import needs_program

LETTERS = ['{"text":"first"}', '{"text":"second"}', '{"text":"third"}']


@needs_program("curl")
def test_leaving_half_way_rolls_back_and_reading_to_the_end_commits(example: Example) -> None:
    with example.curl("/letters", "-X", "POST") as curl:
        assert curl.line() == LETTERS[0]
    assert example.line_with("rolled back").endswith("the stream was cut short: disconnected")

    with example.curl("/letters", "-X", "POST") as curl:
        assert curl.rest() == LETTERS
        assert curl.status() == 0
    assert example.line_with("committed") == "committed: 3 letters"

    with example.curl("/letters", "-X", "POST") as curl:
        assert curl.rest() == []
    assert example.line_with("committed") == "committed: 0 letters"
