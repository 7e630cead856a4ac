"""One handler, read in each format that the Accept header of the client names."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from msgspec import Struct

from jero import Endpoint, NDJSONStreamingResponse, NoContent, ServerSentEvent
from jero.testing import TestClient
from tests.application import Application

LISTED = "application/x-ndjson, application/jsonl, text/event-stream, application/json"


class Movie(Struct):
    title: str


class Query(Struct):
    items: int = 2
    fails: bool = False


class MoviesEndpoint(Endpoint, path="/movies"):
    """Counts the streams that began."""

    def __init__(self) -> None:
        self.begun = 0

    async def get(self, params: Query) -> AsyncIterator[Movie]:
        self.begun += 1
        for number in range(params.items):
            yield Movie(f"{number}")
        if params.fails:
            raise RuntimeError("a secret")

    async def post(self, params: Query) -> AsyncIterator[Movie]:
        return self.get(params)

    async def put(self, params: Query) -> AsyncIterator[Movie] | NoContent:
        return self.get(params) if params.items else NoContent()

    def delete(self, params: Query) -> Iterator[Movie]:
        self.begun += 1
        for number in range(params.items):
            yield Movie(f"{number}")
        if params.fails:
            raise RuntimeError("a secret")

    async def patch(self, params: Query) -> Iterator[Movie]:
        return self.delete(params)


class ApologyEndpoint(MoviesEndpoint, path="/apology"):
    async def on_stream_error(self, error: Exception) -> Movie:
        return Movie("sorry")


class ResponseApologyEndpoint(Endpoint, path="/response-apology"):
    async def on_stream_error(self, error: Exception) -> Movie:
        return Movie("sorry")

    async def get(self) -> NDJSONStreamingResponse[Movie]:
        return NDJSONStreamingResponse(stream=failing(), on_error=lambda error: Movie("very sorry"))


async def failing() -> AsyncIterator[Movie]:
    yield Movie("0")
    raise RuntimeError("a secret")


@pytest.fixture
def movies() -> MoviesEndpoint:
    return MoviesEndpoint()


@pytest.fixture
def client(movies: MoviesEndpoint) -> Iterator[httpx.Client]:
    with TestClient(Application(movies, ApologyEndpoint(), ResponseApologyEndpoint())) as client:
        del client.headers["accept"]
        yield client


EVENTS = 'data: {"title":"0"}\n\ndata: {"title":"1"}\n\n'
FAILED = 'event: error\ndata: {"type":"internal-server-error","title":"Internal server error","status":500}\n\n'
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
LINES = '{"title":"0"}\n{"title":"1"}\n'


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("accept", "media_type", "body"),
    [
        (None, "application/x-ndjson", LINES),
        ("*/*", "application/x-ndjson", LINES),
        ("application/x-ndjson", "application/x-ndjson", LINES),
        ("application/jsonl", "application/jsonl", LINES),
        ("application/ndjson", "application/ndjson", LINES),
        ("application/jsonlines", "application/jsonlines", LINES),
        ("application/x-jsonlines", "application/x-jsonlines", LINES),
        ("text/event-stream", "text/event-stream", EVENTS),
        ("application/json", "application/json", '[{"title":"0"},{"title":"1"}]'),
        ("application/json;q=0.5, text/event-stream;q=0.4", "application/json", '[{"title":"0"},{"title":"1"}]'),
    ],
)
def test_the_client_chooses_the_format_on_any_method(
    client: httpx.Client, method: str, accept: str | None, media_type: str, body: str
) -> None:
    response = client.request(method, "/movies", headers={} if accept is None else {"Accept": accept})
    assert (response.status_code, response.text) == (200, body)
    assert response.headers["content-type"] == media_type
    assert response.headers["vary"] == "Accept"
    no_cache = "no-cache, no-transform" if media_type == "text/event-stream" else "no-cache"
    assert response.headers["cache-control"] == no_cache
    assert response.headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "*/*;q=0"])
def test_an_unsatisfiable_accept_is_406_with_the_list_before_the_handler_is_called(
    client: httpx.Client, movies: MoviesEndpoint, method: str, accept: str
) -> None:
    response = client.request(method, "/movies", headers={"Accept": accept})
    assert (response.status_code, response.headers["vary"]) == (406, "Accept")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "not-acceptable",
        "title": "Not acceptable",
        "status": 406,
        "detail": f"Offered are {LISTED}.",
        "errors": [{"loc": ["headers", "accept"], "msg": f"Accepts none of {LISTED}", "type": "value_error"}],
    }
    assert movies.begun == 0


def test_a_malformed_accept_is_400(client: httpx.Client, movies: MoviesEndpoint) -> None:
    response = client.get("/movies", headers={"Accept": "ndjson"})
    assert (response.status_code, response.json()["type"]) == (400, "malformed-request")
    assert response.json()["errors"][0]["loc"] == ["headers", "accept"]
    assert movies.begun == 0


def test_several_accept_headers_are_read_as_one_list(client: httpx.Client) -> None:
    response = client.get("/movies", headers=[("Accept", "text/html"), ("Accept", "application/json;q=0.1")])
    assert response.json() == [{"title": "0"}, {"title": "1"}]


@pytest.mark.parametrize(
    ("accept", "media_type"), [("*/*", "application/x-ndjson"), ("text/event-stream", "text/event-stream")]
)
def test_head_sends_the_headers_and_begins_no_stream(
    client: httpx.Client, movies: MoviesEndpoint, accept: str, media_type: str
) -> None:
    response = client.head("/movies", headers={"Accept": accept})
    assert (response.status_code, response.headers["content-type"], response.content) == (200, media_type, b"")
    assert response.headers["vary"] == "Accept"
    assert movies.begun == 0
    assert client.head("/movies", headers={"Accept": "text/html"}).status_code == 406


def test_a_handler_may_return_no_content_instead_of_a_stream(client: httpx.Client) -> None:
    response = client.put("/movies?items=0", headers={"Accept": "text/event-stream"})
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("accept", "body"), [("application/x-ndjson", ""), ("text/event-stream", ""), ("application/json", "[]")]
)
def test_a_stream_without_items_is_complete(client: httpx.Client, method: str, accept: str, body: str) -> None:
    assert client.request(method, "/movies?items=0", headers={"Accept": accept}).text == body


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/event-stream", "application/json"])
def test_a_failure_before_the_first_item_has_its_status(client: httpx.Client, method: str, accept: str) -> None:
    response = client.request(method, "/movies?items=0&fails=true", headers={"Accept": accept})
    assert (response.status_code, response.json()["type"]) == (500, "internal-server-error")


@pytest.mark.parametrize(
    ("method", "accept", "body", "is_complete"),
    [
        *((method, "application/x-ndjson", LINES, False) for method in METHODS),
        *((method, "application/json", '[{"title":"0"},{"title":"1"}', False) for method in METHODS),
        ("GET", "text/event-stream", EVENTS + FAILED, True),
        *((method, "text/event-stream", EVENTS, False) for method in METHODS if method != "GET"),
    ],
)
def test_a_failure_in_mid_stream_is_an_event_or_breaks_the_body_off(
    client: httpx.Client, method: str, accept: str, body: str, *, is_complete: bool
) -> None:
    assert read(client, method, "/movies?fails=true", accept) == (body, is_complete)


@pytest.mark.parametrize(
    ("accept", "body"),
    [
        ("application/x-ndjson", LINES + '{"title":"sorry"}\n'),
        ("application/json", '[{"title":"0"},{"title":"1"},{"title":"sorry"}]'),
        ("text/event-stream", EVENTS + 'data: {"title":"sorry"}\n\n'),
    ],
)
def test_the_item_of_on_stream_error_is_sent_in_each_format(client: httpx.Client, accept: str, body: str) -> None:
    assert read(client, "GET", "/apology?fails=true", accept) == (body, True)


def read(client: httpx.Client, method: str, path: str, accept: str) -> tuple[str, bool]:
    """Returns the body that was received, and whether it is complete."""
    received = ""
    with client.stream(method, path, headers={"Accept": accept}) as response:
        try:
            for text in response.iter_text():
                received += text
        except httpx.RemoteProtocolError:
            return received, False
    return received, True


class EventsEndpoint(Endpoint, path="/events"):
    """Events, of which some have no data."""

    async def get(self, params: Query) -> AsyncIterator[Movie | ServerSentEvent[Movie]]:
        yield ServerSentEvent(comment="welcome", retry=1_000)
        yield ServerSentEvent(data=Movie("0"), id="0")
        yield ServerSentEvent(comment="in between")
        yield Movie("1")
        yield ServerSentEvent(event="nothing")
        if params.items > 2:
            yield ServerSentEvent(data=Movie("2"), event="last")
        yield ServerSentEvent(comment="goodbye")


@pytest.mark.parametrize(("items", "titles"), [(2, ["0", "1"]), (3, ["0", "1", "2"])])
def test_other_formats_send_only_the_data_of_an_event(items: int, titles: list[str]) -> None:
    movies = [{"title": title} for title in titles]
    with TestClient(Application(EventsEndpoint())) as client:
        url = f"/events?items={items}"
        assert json.loads(client.get(url, headers={"Accept": "application/json"}).text) == movies
        assert [json.loads(line) for line in client.get(url).text.splitlines()] == movies
        events = client.get(url, headers={"Accept": "text/event-stream"}).text.split("\n\n")
    assert events[:4] == [
        ": welcome\nretry: 1000",
        'id: 0\ndata: {"title":"0"}',
        ": in between",
        'data: {"title":"1"}',
    ]


def test_on_error_of_the_response_replaces_on_stream_error_of_the_endpoint(client: httpx.Client) -> None:
    assert client.get("/response-apology").text == '{"title":"0"}\n{"title":"very sorry"}\n'
