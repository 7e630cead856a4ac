import httpx
import httpx_sse

from tests.docs.example import EXAMPLES

WORDS = ["Each", "word", "leaves", "at", "once."]


def test_the_example_has_twelve_lines_of_code() -> None:
    assert len([line for line in (EXAMPLES / "words.py").read_text("utf-8").splitlines() if line]) == 12


def test_each_client_reads_its_format(client: httpx.Client) -> None:
    assert client.get("/words", headers={"Accept": "application/json"}).json() == WORDS
    with httpx_sse.connect_sse(client, "GET", "/words") as source:
        assert [event.data for event in source.iter_sse()] == WORDS


def test_a_word_arrives_before_the_next_is_made(client: httpx.Client) -> None:
    with client.stream("GET", "/words") as response:
        assert response.headers["content-type"] == "application/x-ndjson"
        assert next(response.iter_raw()) == b'"Each"\n'
