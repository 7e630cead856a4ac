import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations, product
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero import routing
from jero.routing import Found, PathTemplate, Router, WrongMethod, read_template, split_path

Declared = tuple[str, str]

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


def router(routes: Sequence[Declared]) -> Router[str]:
    made: Router[str] = Router()
    for method, path in routes:
        assert made.add(method, read_template(path), f"{method} {path}") is None
    return made


@pytest.mark.parametrize(
    ("text", "segments", "slots"),
    [
        ("/", ("",), ()),
        ("/movies", ("movies",), ()),
        ("/movies/", ("movies", ""), ()),
        ("/movies/{movie_id}", ("movies", None), ("movie_id",)),
        ("/{a}/x/{_b2}/", (None, "x", None, ""), ("a", "_b2")),
    ],
)
def test_a_declared_path_is_read_into_segments(
    text: str, segments: tuple[str | None, ...], slots: tuple[str, ...]
) -> None:
    assert read_template(text) == PathTemplate(text=text, segments=segments, slots=slots)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The path '' does not begin with '/'. Write '/'."),
        ("movies", "The path 'movies' does not begin with '/'. Write '/movies'."),
        ("/{a}/{a}", "The path '/{a}/{a}' has two slots named 'a'. Give each slot a name of its own."),
        ("/{b}/{a}/x/{a}", "The path '/{b}/{a}/x/{a}' has two slots named 'a'. Give each slot a name of its own."),
    ],
)
def test_a_malformed_path_is_refused_with_a_whole_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="path") as refused:
        read_template(text)
    assert str(refused.value) == message


@pytest.mark.parametrize("segment", ["{}", "{2}", "{a}b", "a}", "{a", "{a}{b}", "{a b}", "{é}"])
def test_a_segment_that_mixes_braces_and_text_is_refused(segment: str) -> None:
    with pytest.raises(ValueError, match="path") as refused:
        read_template(f"/movies/{segment}")
    assert str(refused.value) == (
        f"The segment '{segment}' of the path '/movies/{segment}' is neither a literal nor a slot. "
        "Write a slot as a name in braces, such as {movie_id}."
    )


@pytest.mark.parametrize("segment", ["<a>", "<int:a>", ":a", "{a:int}", "{a:path}"])
def test_a_slot_as_other_frameworks_write_it_is_refused(segment: str) -> None:
    with pytest.raises(ValueError, match=r"neither a literal nor a slot\. Write \{a\}, and its type in the Struct of "):
        read_template(f"/movies/{segment}")


@pytest.mark.parametrize("path", ["/a:b", "/a/b:batch", "/:", "/1:30", "/a<b"])
def test_a_literal_may_have_a_colon(path: str) -> None:
    assert read_template(path).slots == ()


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
        ("", "/movies", WrongMethod(("GET", "POST"))),
        ("GET", "/movies/", None),
        ("GET", "/nothing", None),
        ("GET", "", None),
        ("GET", "*", None),
        ("GET", "/a/b/c/d", None),
        ("GET", "//b/c", None),
        ("GET", "//", None),
        ("GET", "/a//c", None),
        ("GET", "/movies/{movie_id}", Found("GET /movies/{movie_id}", {"movie_id": "{movie_id}"})),
        ("GET", "/movies/ ", Found("GET /movies/{movie_id}", {"movie_id": " "})),
        ("GET", "/movies/a b\n", Found("GET /movies/{movie_id}", {"movie_id": "a b\n"})),
        ("GET", "/movies/é\ud800", Found("GET /movies/{movie_id}", {"movie_id": "é\ud800"})),
        ("GET", "/movies/a%2Fb", Found("GET /movies/{movie_id}", {"movie_id": "a%2Fb"})),
    ],
)
def test_a_request_finds_its_route(method: str, path: str, expected: object) -> None:
    assert router(ROUTES).find(method, path) == expected


@pytest.mark.parametrize(
    ("path", "slots"),
    [
        ("/movies/3/cast/ann", {"movie_id": "3", "name": "ann"}),
        ("/movies/a b/cast/é", {"movie_id": "a b", "name": "é"}),
        ("/movies//cast/ann", None),
        ("/movies/3/crew/ann", None),
        ("/movies/3/cast/", None),
    ],
)
def test_a_slot_takes_any_segment_but_an_empty_one(path: str, slots: dict[str, str] | None) -> None:
    found = router([("GET", "/movies/{movie_id}/cast/{name}")]).find("GET", path)
    assert found == (None if slots is None else Found("GET /movies/{movie_id}/cast/{name}", slots))


def test_the_first_literal_wins_in_every_order_of_declaration() -> None:
    routes = [("GET", "/a/{x}/{y}"), ("GET", "/{x}/b/c"), ("GET", "/{x}/b/{y}"), ("GET", "/{x}/{y}/c")]
    for order in permutations(routes):
        made = router(order)
        assert made.find("GET", "/a/b/c") == Found("GET /a/{x}/{y}", {"x": "b", "y": "c"})
        assert made.find("GET", "/z/b/c") == Found("GET /{x}/b/c", {"x": "z"})
        assert made.find("GET", "/z/b/d") == Found("GET /{x}/b/{y}", {"x": "z", "y": "d"})
        assert made.find("GET", "/z/y/c") == Found("GET /{x}/{y}/c", {"x": "z", "y": "y"})


def test_a_template_without_the_method_does_not_hide_a_less_specific_template_that_has_it() -> None:
    made = router([("POST", "/a/b/{z}"), ("PUT", "/a/{y}/{z}"), ("GET", "/{x}/b/{z}"), ("DELETE", "/{x}/{y}/{z}")])
    assert made.find("POST", "/a/b/c") == Found("POST /a/b/{z}", {"z": "c"})
    assert made.find("PUT", "/a/b/c") == Found("PUT /a/{y}/{z}", {"y": "b", "z": "c"})
    assert made.find("GET", "/a/b/c") == Found("GET /{x}/b/{z}", {"x": "a", "z": "c"})
    assert made.find("DELETE", "/a/b/c") == Found("DELETE /{x}/{y}/{z}", {"x": "a", "y": "b", "z": "c"})
    assert made.find("PATCH", "/a/b/c") == WrongMethod(("DELETE", "GET", "POST", "PUT"))


def test_a_second_route_does_not_replace_the_first() -> None:
    made = router([("GET", "/movies"), ("GET", "/movies/{a}")])
    assert made.add("GET", read_template("/movies"), "second") == "GET /movies"
    assert made.add("GET", read_template("/movies/{b}"), "second") == "GET /movies/{a}"
    assert made.find("GET", "/movies") == Found("GET /movies", {})
    assert made.find("GET", "/movies/1") == Found("GET /movies/{a}", {"a": "1"})


# A model of the router: it compares the path with each declared path, by the rules as docs/requests.md has them.


def is_slot(segment: str) -> bool:
    return segment.startswith("{")


def shape(text: str) -> list[str | None]:
    return [None if is_slot(segment) else segment for segment in text[1:].split("/")]


def matches(text: str, path: str) -> bool:
    if None not in shape(text):
        return text == path
    before, *found = path.split("/")
    return (
        before == ""
        and len(found) == len(shape(text))
        and all(
            segment == expected if expected is not None else segment != ""
            for expected, segment in zip(shape(text), found, strict=True)
        )
    )


def values(text: str, path: str) -> dict[str, str]:
    pairs = zip(text[1:].split("/"), path[1:].split("/"), strict=False)
    return {name[1:-1]: value for name, value in pairs if is_slot(name)}


def modelled_find(declared: Sequence[Declared], method: str, path: str) -> object:
    matching = [(of, text) for of, text in declared if matches(text, path)]
    having = [text for of, text in matching if of == method]
    if having:
        best = min(having, key=lambda text: [segment is None for segment in shape(text)])
        return Found(f"{method} {best}", values(best, path))
    return WrongMethod(tuple(sorted({of for of, _ in matching}))) if matching else None


def modelled_add(declared: Sequence[Declared], method: str, text: str) -> str | None:
    return next(
        (f"{of} {template}" for of, template in declared if of == method and shape(template) == shape(text)), None
    )


METHODS = st.sampled_from(["GET", "POST", "PUT"])
LITERALS = st.sampled_from(["a", "b", ""])


@st.composite
def declared_paths(draw: st.DrawFn) -> str:
    names = draw(st.permutations(["x", "y", "z", "u"]))
    segments = draw(st.lists(st.none() | LITERALS, min_size=1, max_size=4))
    return "/" + "/".join(
        f"{{{name}}}" if segment is None else segment for name, segment in zip(names, segments, strict=False)
    )


PATHS = st.lists(LITERALS | st.text(max_size=2), max_size=5).map(lambda segments: "/" + "/".join(segments)) | st.text(
    "/ab*", max_size=4
)


@given(st.lists(st.tuples(METHODS, declared_paths()), max_size=30), st.lists(PATHS, max_size=20))
def test_the_trees_find_what_a_comparison_with_each_template_finds(routes: list[Declared], paths: list[str]) -> None:
    made: Router[str] = Router()
    declared: list[Declared] = []
    for method, text in routes:
        present = made.add(method, read_template(text), f"{method} {text}")
        # A route that is declared twice with one text is equal to its twin here, and still not the same object.
        assert present == modelled_add(declared, method, text)
        if present is None:
            declared.append((method, text))
    for method, path in product(["GET", "POST", "PUT", "PATCH"], paths):
        assert made.find(method, path) == modelled_find(declared, method, path)


# The cost of a request, in executed lines of the module: unlike time, it is the same in each run.


def executed_lines(call: Callable[[], object]) -> int:
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != routing.__file__:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("path", ["/api/r1", "/api/r1/7/parts/9", "/api/r1/7/crew/9", "/api/nothing", "/api/r1/7"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_request_costs_the_same_with_5000_templates_as_with_one(method: str, path: str) -> None:
    few, many = (
        router([("GET", text) for n in range(count) for text in (f"/api/r{n}", f"/api/r{n}/{{a}}/parts/{{b}}")])
        for count in (2, 5_000)
    )
    assert many.find(method, path) == few.find(method, path)
    assert executed_lines(partial(many.find, method, path)) == executed_lines(partial(few.find, method, path))


def test_the_declared_templates_bound_the_cost_of_each_path() -> None:
    length = 10
    texts = ["/" + "/".join(text) for text in product(*(("a", f"{{s{place}}}") for place in range(length)))]
    made = router([("POST", text) for text in texts])
    path = "/a" * length
    assert made.find("GET", path) == WrongMethod(("POST",))
    # Each node of the tree once, of which there are twice as many as templates, at about six lines a node.
    assert executed_lines(partial(made.find, "GET", path)) < 20 * len(texts)
    assert executed_lines(partial(made.find, "POST", path)) < 20 * length
    for other in (length - 1, length + 1, 10_000):
        assert executed_lines(partial(made.find, "GET", "/a" * other)) < 20


def test_a_template_may_be_deeper_than_the_stack() -> None:
    depth = 2 * sys.getrecursionlimit()
    text = "/a" * depth + "/{x}"
    made = router([("GET", text), ("POST", "/{x}" + "/a" * depth)])
    assert made.find("GET", "/a" * depth + "/b") == Found(f"GET {text}", {"x": "b"})
    assert made.find("POST", "/a" * (depth + 1)) == Found("POST /{x}" + "/a" * depth, {"x": "a"})


def test_a_path_is_split_at_each_slash() -> None:
    assert split_path("/") == [""]
    assert split_path("/a//b/") == ["a", "", "b", ""]


@pytest.mark.parametrize("path", ["xmovies/1", "movies/1", "", "*", "http://a/movies/1", "x/y/z"])
def test_a_path_without_a_leading_slash_has_no_route(path: str) -> None:
    assert router(ROUTES).find("GET", path) is None


def test_given_segments_are_used_instead_of_those_between_the_slashes_of_the_path() -> None:
    made = router(ROUTES)
    assert made.find("GET", "", ["movies", "a/b"]) == Found("GET /movies/{movie_id}", {"movie_id": "a/b"})
    assert made.find("GET", "", ["movies/latest"]) is None
    assert made.find("GET", "/movies", ["movies"]) == Found("GET /movies", {})
