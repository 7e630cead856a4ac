"""`validate_items`: the value of the response overrides that of the endpoint, which overrides the application's."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import Struct
from msgspec.json import Encoder

from jero import Endpoint, NDJSONStreamingResponse, ServerSentEvent, SSEResponse, StreamingResponse, StreamOutcome
from jero.testing import TestClient
from tests.application import Application


class Movie(Struct):
    title: str


class Foreign:
    pass


def wrong_movie() -> Movie:
    title: Any = 1
    return Movie(title)


class MoviesEndpoint(Endpoint, path="/movies"):
    """Yields three items. The second does not fit the declared type."""

    def __init__(self, *, of_response: bool | None = None) -> None:
        self._of_response = of_response

    async def _movies(self) -> AsyncIterator[Movie]:
        yield Movie("a")
        yield wrong_movie()
        yield Movie("c")

    async def get(self) -> NDJSONStreamingResponse[Movie]:
        return NDJSONStreamingResponse(stream=self._movies(), validate_items=self._of_response)

    async def post(self) -> AsyncIterator[Movie]:
        return self._movies()

    def put(self) -> Iterator[Movie]:
        yield Movie("a")
        yield wrong_movie()
        yield Movie("c")


class CheckedEndpoint(MoviesEndpoint, path="/checked"):
    validate_items = True


class UncheckedEndpoint(MoviesEndpoint, path="/unchecked"):
    validate_items = False


class App(Application):
    def __init__(self, *endpoints: Endpoint, **options: Any) -> None:
        super().__init__(*endpoints, **options)
        self.outcomes: list[StreamOutcome] = []

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


def titles(client: httpx.Client, method: str, path: str) -> tuple[list[Any], bool]:
    """Returns the titles that were received, and whether the body is complete."""
    text, is_complete = "", True
    with client.stream(method, path) as response:
        try:
            for part in response.iter_text():
                text += part
        except httpx.RemoteProtocolError:
            is_complete = False
    return [json.loads(line)["title"] for line in text.splitlines()], is_complete


CHECKED = (["a"], False)
UNCHECKED = (["a", 1, "c"], True)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize(
    ("endpoint", "of_app", "expected"),
    [
        (MoviesEndpoint, False, UNCHECKED),
        (MoviesEndpoint, True, CHECKED),
        (CheckedEndpoint, False, CHECKED),
        (UncheckedEndpoint, True, UNCHECKED),
    ],
)
def test_the_endpoint_overrides_the_application(
    method: str, endpoint: type[MoviesEndpoint], expected: tuple[list[Any], bool], *, of_app: bool
) -> None:
    app = App(endpoint(), validate_items=of_app)
    with TestClient(app) as client:
        assert titles(client, method, str(endpoint.path)) == expected
    [outcome] = app.outcomes
    assert outcome.reason == ("completed" if expected is UNCHECKED else "failed")
    assert isinstance(outcome.error, msgspec.ValidationError) == (expected is CHECKED)


@pytest.mark.parametrize(
    ("endpoint", "of_response", "expected"),
    [
        (UncheckedEndpoint(of_response=True), True, CHECKED),
        (CheckedEndpoint(of_response=False), False, UNCHECKED),
        (CheckedEndpoint(of_response=None), None, CHECKED),
    ],
)
def test_the_response_overrides_both(
    endpoint: MoviesEndpoint, expected: tuple[list[Any], bool], *, of_response: bool | None
) -> None:
    with TestClient(App(endpoint, validate_items=of_response is False)) as client:
        assert titles(client, "GET", str(endpoint.path)) == expected


def test_items_are_not_checked_by_default() -> None:
    with TestClient(App(MoviesEndpoint())) as client:
        assert titles(client, "GET", "/movies") == UNCHECKED


class EventsEndpoint(Endpoint, path="/events"):
    validate_items = True

    async def get(self) -> SSEResponse[Movie]:
        async def events() -> AsyncIterator[Movie | ServerSentEvent[Movie]]:
            yield ServerSentEvent(comment="no data")
            yield ServerSentEvent(data=Movie("a"), event="added")
            yield wrong_movie()

        return SSEResponse(stream=events())


class OthersEndpoint(Endpoint, path="/others"):
    """Streams that cannot be checked."""

    validate_items = True

    async def post(self) -> StreamingResponse:
        return StreamingResponse(stream=iter([b"a"]))

    async def put(self) -> AsyncIterator[list[Foreign]]:
        yield [Foreign()]


def test_an_event_stream_ends_with_an_error_event() -> None:
    with TestClient(App(EventsEndpoint())) as client:
        events = client.get("/events").text.split("\n\n")
    assert events == [
        ": no data",
        'event: added\ndata: {"title":"a"}',
        'event: error\ndata: {"type":"internal-server-error","title":"Internal server error","status":500}',
        "",
    ]


def test_raw_bytes_and_the_output_of_a_hook_are_not_checked() -> None:
    encoder = Encoder(enc_hook=lambda value: type(value).__name__)
    with TestClient(App(OthersEndpoint(), encoder=encoder)) as client:
        assert client.post("/others").content == b"a"
        assert client.put("/others").text == '["Foreign"]\n'
