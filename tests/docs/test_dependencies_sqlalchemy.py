from collections.abc import Iterator

import httpx
import pytest

from tests.docs.example import Example, served

pytest.importorskip("sqlalchemy")
pytest.importorskip("aiosqlite")


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    with served("dependencies_sqlalchemy") as example:
        yield example


def test_a_movie_is_committed_and_streamed(client: httpx.Client) -> None:
    assert client.get("/movies").text == ""
    for title in ("Sunrise", "Metropolis"):
        assert client.post("/movies", json={"title": title}).status_code == 201
    assert client.post("/movies", json={"title": "Sunrise"}).status_code == 500  # refused by the commit
    assert client.get("/movies").text == '{"title":"Metropolis"}\n{"title":"Sunrise"}\n'
