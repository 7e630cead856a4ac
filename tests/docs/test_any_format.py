import httpx
import pytest

from tests.docs.example import served


@pytest.mark.parametrize(
    ("accept", "body"),
    [
        ("*/*", '{"title":"Metropolis"}\n{"title":"Sunrise"}\n'),
        ("text/event-stream", 'data: {"title":"Metropolis"}\n\ndata: {"title":"Sunrise"}\n\n'),
        ("application/json", '[{"title":"Metropolis"},{"title":"Sunrise"}]'),
    ],
)
def test_each_client_gets_its_format(accept: str, body: str) -> None:
    with served("any_format") as example:
        assert httpx.get(f"{example.url}/movies", headers={"Accept": accept}).text == body
