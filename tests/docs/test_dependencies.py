import httpx

from tests.docs.example import Example
from tests.programs import needs_program

TITLES = ['{"title":"Emma"}', '{"title":"Persuasion"}', '{"title":"Sanditon"}']


@needs_program("curl")
def test_what_is_added_is_kept_only_if_the_answer_is_complete(example: Example, client: httpx.Client) -> None:
    with example.curl("/books", "-X", "PUT") as curl:
        assert curl.line() == TITLES[0]
    assert example.line_with("rolled back") == "rolled back: the stream was cut short: disconnected"

    assert client.post("/books", json={"title": "Villette"}).status_code == 201
    assert example.line_with("committed") == "committed: 1 books"
    assert client.post("/books", json={"title": "Middlemarch"}).status_code == 409
    assert example.line_with("rolled back") == "rolled back: Middlemarch is on the shelf already."

    with example.curl("/books", "-X", "PUT") as curl:
        assert curl.rest() == TITLES
        assert curl.status() == 0
    assert example.line_with("committed") == "committed: 3 books"
    assert client.get("/books").json() == ["Middlemarch", "Villette", "Emma", "Persuasion", "Sanditon"]
