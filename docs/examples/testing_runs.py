"""A test of a run: run `pytest testing_runs.py`."""

from run_streamed import App, Word

from jero.runs import RunEnd
from jero.testing import TestClient


def test_an_answer_is_read_again_with_its_end() -> None:
    with TestClient(App()) as client:
        with client.stream("POST", "/answers", json={"text": "Who is there?"}) as response:
            location = response.headers["location"]  # the client leaves before the end
        *words, end = (event.data for event in client.sse(location, Word | RunEnd))
        assert [word.text for word in words if isinstance(word, Word)] == ["You", "asked:", "Who", "is", "there?"]
        assert end == RunEnd(outcome="completed")
