import httpx
from first_steps import Movie, app

from jero.testing import TestClient
from tests.docs.example import Example
from tests.programs import needs_program

LINES = ['{"title":"Metropolis"}', '{"title":"Sunrise"}']


@needs_program("curl")
def test_curl_prints_a_line_for_each_movie(example: Example) -> None:
    with example.curl("/movies") as curl:
        assert curl.rest() == LINES
        assert curl.status() == 0


def test_httpx_reads_the_same_lines(client: httpx.Client) -> None:
    with client.stream("GET", "/movies") as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/x-ndjson"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        assert list(response.iter_lines()) == LINES


def test_the_test_client_reads_movies() -> None:
    with TestClient(app) as client:
        assert list(client.ndjson("/movies", Movie)) == [Movie(title="Metropolis"), Movie(title="Sunrise")]


def test_a_wrong_method_and_an_unknown_path_are_problems(client: httpx.Client) -> None:
    wrong_method = client.post("/movies")
    assert wrong_method.status_code == 405
    assert wrong_method.headers["allow"] == "GET, HEAD, OPTIONS"
    unknown = client.get("/music")
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.json() == {"type": "not-found", "title": "Not found", "status": 404}


def test_options_lists_the_methods(client: httpx.Client) -> None:
    response = client.options("/movies")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
