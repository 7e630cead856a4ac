from itertools import permutations

import pytest

from jero.http.path import read_template
from jero.router import Found, Router, WrongMethod

ROUTES = [
    ("GET", "/"),
    ("GET", "/movies"),
    ("POST", "/movies"),
    ("GET", "/movies/{movie_id}"),
    ("DELETE", "/movies/{id}"),
    ("GET", "/movies/latest"),
    ("GET", "/{kind}/latest"),
    ("GET", "/movies/{movie_id}/"),
    ("GET", "/{a}/{b}/{c}"),
]


def router(routes: list[tuple[str, str]]) -> Router[str]:
    made: Router[str] = Router()
    for method, path in routes:
        assert made.add(method, read_template(path), f"{method} {path}") is None
    return made


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", Found("GET /", {})),
        ("GET", "/movies", Found("GET /movies", {})),
        ("POST", "/movies", Found("POST /movies", {})),
        ("GET", "/movies/3", Found("GET /movies/{movie_id}", {"movie_id": "3"})),
        ("DELETE", "/movies/3", Found("DELETE /movies/{id}", {"id": "3"})),
        ("GET", "/movies/latest", Found("GET /movies/latest", {})),
        ("GET", "/books/latest", Found("GET /{kind}/latest", {"kind": "books"})),
        ("DELETE", "/movies/latest", Found("DELETE /movies/{id}", {"id": "latest"})),
        ("GET", "/movies/3/", Found("GET /movies/{movie_id}/", {"movie_id": "3"})),
        ("GET", "/x/y/z", Found("GET /{a}/{b}/{c}", {"a": "x", "b": "y", "c": "z"})),
        ("PUT", "/movies", WrongMethod(("GET", "POST"))),
        ("PUT", "/movies/3", WrongMethod(("DELETE", "GET"))),
        ("PUT", "/movies/latest", WrongMethod(("DELETE", "GET"))),
        ("get", "/movies", WrongMethod(("GET", "POST"))),
        ("GET", "/movies/", None),
        ("GET", "/nothing", None),
        ("GET", "", None),
        ("GET", "*", None),
        ("GET", "/a/b/c/d", None),
        ("GET", "//b/c", None),
    ],
)
def test_a_request_finds_its_route(method: str, path: str, expected: object) -> None:
    assert router(ROUTES).find(method, path) == expected


def test_the_first_literal_wins_in_whatever_order_the_routes_came() -> None:
    routes = [("GET", "/a/{x}/{y}"), ("GET", "/{x}/b/c"), ("GET", "/{x}/b/{y}"), ("GET", "/{x}/{y}/c")]
    for order in permutations(routes):
        made = router(list(order))
        assert made.find("GET", "/a/b/c") == Found("GET /a/{x}/{y}", {"x": "b", "y": "c"})
        assert made.find("GET", "/z/b/c") == Found("GET /{x}/b/c", {"x": "z"})
        assert made.find("GET", "/z/b/d") == Found("GET /{x}/b/{y}", {"x": "z", "y": "d"})
        assert made.find("GET", "/z/y/c") == Found("GET /{x}/{y}/c", {"x": "z", "y": "y"})


def test_a_second_route_does_not_take_the_place_of_the_first() -> None:
    made = router([("GET", "/movies"), ("GET", "/movies/{a}")])
    assert made.add("GET", read_template("/movies"), "second") == "GET /movies"
    assert made.add("GET", read_template("/movies/{b}"), "second") == "GET /movies/{a}"
    assert made.find("GET", "/movies") == Found("GET /movies", {})
    assert made.find("GET", "/movies/1") == Found("GET /movies/{a}", {"a": "1"})
