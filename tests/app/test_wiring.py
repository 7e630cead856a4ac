"""Including endpoints, and the endpoints that an application refuses."""

import re
from typing import Any

import pytest

from jero import BaseApp, Endpoint, WiringError
from jero.testing import TestClient
from tests.application import Application


class MoviesEndpoint(Endpoint, path="/movies"):
    def __init__(self, answer: str = "movies") -> None:
        self.answer = answer

    async def get(self) -> str:
        return self.answer


class FilmsEndpoint(Endpoint, path="/movies"):
    async def get(self) -> str:
        return "films"


class AddingEndpoint(Endpoint, path="/movies"):
    async def post(self) -> str:
        return "added"


class MovieEndpoint(Endpoint, path="/movies/{movie_id}"):
    async def get(self) -> str:
        return "movie"


class FilmEndpoint(Endpoint, path="/movies/{film_id}"):
    async def get(self) -> str:
        return "film"


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        (
            (MoviesEndpoint(), FilmsEndpoint()),
            "FilmsEndpoint.get: GET /movies is the path of MoviesEndpoint already. Give one of them another path.",
        ),
        (
            (MovieEndpoint(), FilmEndpoint()),
            (
                "FilmEndpoint.get: GET /movies/{film_id} is the path of MovieEndpoint already. "
                "Give one of them another path."
            ),
        ),
        (
            (MoviesEndpoint(), MoviesEndpoint()),
            "MoviesEndpoint.get: GET /movies is the path of MoviesEndpoint already. Give one of them another path.",
        ),
    ],
    ids=["static", "template", "twice"],
)
def test_a_second_endpoint_with_the_same_method_and_path_is_refused(
    endpoints: tuple[Endpoint, ...], message: str
) -> None:
    with pytest.raises(RuntimeError, match=re.escape(f"WiringError: {message}")), TestClient(Application(*endpoints)):
        pass


def test_two_endpoints_share_a_path_by_their_methods() -> None:
    with TestClient(Application(MoviesEndpoint(), AddingEndpoint())) as client:
        assert client.get("/movies").text == "movies"
        assert client.post("/movies").text == "added"
        assert client.put("/movies").headers["allow"] == "GET, HEAD, OPTIONS, POST"


class TwoPlaces(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(MoviesEndpoint("old"), path="/old/{year}")
        self._include_endpoint(MoviesEndpoint("new"), path="/new")


def test_a_path_at_include_serves_a_class_at_two_paths() -> None:
    with TestClient(TwoPlaces()) as client:
        assert [client.get(path).text for path in ("/old/1999", "/new")] == ["old", "new"]
        assert client.get("/movies").status_code == 404


class TooEarly(BaseApp):
    def __init__(self) -> None:
        super().__init__()
        self._include_endpoint(MoviesEndpoint())


def test_an_endpoint_cannot_be_included_outside_wiring() -> None:
    with pytest.raises(WiringError, match="_wire"):
        TooEarly()


@pytest.mark.parametrize("thing", [MoviesEndpoint, None, "endpoint"])
def test_an_object_that_is_not_an_endpoint_is_refused(thing: Any) -> None:
    with (
        pytest.raises(RuntimeError, match=r"_include_endpoint: got .*instance"),
        TestClient(Application(thing)),
    ):
        pass


def test_an_application_without_endpoints_answers_404() -> None:
    with TestClient(BaseApp()) as client:
        assert client.get("/").status_code == 404
