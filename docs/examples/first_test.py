"""The first test: run `pytest first_test.py`."""

from first_steps import App, Movie

from jero.testing import TestClient


def test_the_movies_arrive_in_order() -> None:
    with TestClient(App()) as client:
        movies = client.ndjson("/movies", Movie)
        assert next(movies) == Movie(title="Metropolis")
        assert list(movies) == [Movie(title="Sunrise")]
