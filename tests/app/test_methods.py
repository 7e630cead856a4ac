"""HEAD and OPTIONS, which jero answers automatically, and unknown paths and methods."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from jero import Endpoint, NDJSONStreamingResponse, NoContent, SSEResponse
from jero.testing import TestClient
from tests.application import Application


class Feed:
    """A stream that records whether it was begun or closed."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __aiter__(self) -> AsyncIterator[int]:
        self.calls.append("begun")
        raise NotImplementedError

    async def aclose(self) -> None:
        self.calls.append("closed")


class MoviesEndpoint(Endpoint, path="/movies"):
    async def get(self) -> list[str]:
        return ["a"]

    async def post(self) -> NoContent:
        return NoContent()


class MovieEndpoint(Endpoint, path="/movies/{movie_id}"):
    async def put(self) -> str:
        return "put"

    async def patch(self) -> str:
        return "patch"

    async def delete(self) -> str:
        return "delete"


class FeedEndpoint(Endpoint, path="/feed"):
    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def get(self) -> SSEResponse[int] | NoContent:
        return SSEResponse(stream=self._feed, raw_headers={"X-A": "1"})


class NumbersEndpoint(Endpoint, path="/numbers"):
    def __init__(self) -> None:
        self.is_begun = False

    async def _numbers(self) -> AsyncIterator[int]:
        self.is_begun = True
        yield 1

    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._numbers(), status_code=203)


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def numbers() -> NumbersEndpoint:
    return NumbersEndpoint()


@pytest.fixture
def client(feed: Feed, numbers: NumbersEndpoint) -> Iterator[httpx.Client]:
    with TestClient(Application(MoviesEndpoint(), MovieEndpoint(), FeedEndpoint(feed), numbers)) as client:
        yield client


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_method_calls_its_operation(client: httpx.Client, method: str) -> None:
    assert client.request(method, "/movies/1").text == method.lower()


def test_head_has_the_headers_of_get_and_no_body(client: httpx.Client) -> None:
    get, head = client.get("/movies"), client.head("/movies")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers
    assert head.headers["content-length"] == "5"


def test_head_of_a_stream_closes_it_and_never_begins_it(client: httpx.Client, feed: Feed) -> None:
    response = client.head("/feed")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-a"] == "1"
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert "content-length" not in response.headers
    assert feed.calls == ["closed"]


def test_head_of_a_generator_does_not_run_it(client: httpx.Client, numbers: NumbersEndpoint) -> None:
    response = client.head("/numbers")
    assert (response.status_code, response.content) == (203, b"")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert not numbers.is_begun


def test_head_of_a_problem_has_no_body(client: httpx.Client) -> None:
    response = client.head("/nothing")
    assert (response.status_code, response.content) == (404, b"")
    assert response.headers["content-type"] == "application/problem+json"


ALLOWED = [
    ("/movies", "GET, HEAD, OPTIONS, POST"),
    ("/movies/1", "DELETE, OPTIONS, PATCH, PUT"),
    ("/feed", "GET, HEAD, OPTIONS"),
]


@pytest.mark.parametrize(("path", "allow"), ALLOWED)
def test_options_lists_the_allowed_methods(client: httpx.Client, path: str, allow: str) -> None:
    response = client.options(path)
    assert (response.status_code, response.content, response.headers["allow"]) == (204, b"", allow)
    assert "content-type" not in response.headers
    assert "content-length" not in response.headers


@pytest.mark.parametrize("method", ["PUT", "TRACE", "BREW", "get"])
@pytest.mark.parametrize(("path", "allow"), ALLOWED[::2])
def test_a_wrong_method_is_a_405_that_lists_the_allowed_methods(
    client: httpx.Client, path: str, allow: str, method: str
) -> None:
    request = client.build_request(method, path)
    request.method = method  # httpx would write it in upper case
    response = client.send(request)
    assert (response.status_code, response.headers["allow"]) == (405, allow)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {"type": "method-not-allowed", "title": "Method not allowed", "status": 405}


def test_head_without_a_get_is_a_405(client: httpx.Client) -> None:
    response = client.head("/movies/1")
    assert (response.status_code, response.headers["allow"]) == (405, "DELETE, OPTIONS, PATCH, PUT")


@pytest.mark.parametrize(
    "path", ["/", "/Movies", "/movies/", "/movies/1/", "/movies/1/2", "//movies", "/movies%2F1%2F2"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_an_unknown_path_is_a_404(client: httpx.Client, path: str, method: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {"type": "not-found", "title": "Not found", "status": 404}
