import pytest

from jero.http.path import PathTemplate, read_template, split_path


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
def test_a_template_is_read_into_segments(text: str, segments: tuple[str | None, ...], slots: tuple[str, ...]) -> None:
    assert read_template(text) == PathTemplate(text=text, segments=segments, slots=slots)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The path '' does not begin with '/'."),
        ("movies", "The path 'movies' does not begin with '/'."),
        ("/{}", "The segment '{}' of the path '/{}' is neither a literal nor one {slot}."),
        ("/{2}", "The segment '{2}' of the path '/{2}' is neither a literal nor one {slot}."),
        ("/{a}b", "The segment '{a}b' of the path '/{a}b' is neither a literal nor one {slot}."),
        ("/{a:int}", "The segment '{a:int}' of the path '/{a:int}' is neither a literal nor one {slot}."),
        ("/a}", "The segment 'a}' of the path '/a}' is neither a literal nor one {slot}."),
        ("/{a}/{a}", "The path '/{a}/{a}' names a slot twice."),
    ],
)
def test_what_is_no_template_is_refused_in_a_whole_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="path") as refused:
        read_template(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/movies/3/cast/ann", ["3", "ann"]),
        ("/movies/a b/cast/é", ["a b", "é"]),
        ("/movies//cast/ann", None),
        ("/movies/3/crew/ann", None),
        ("/movies/3/cast/", None),
    ],
)
def test_a_slot_takes_any_segment_but_an_empty_one(path: str, values: list[str] | None) -> None:
    assert read_template("/movies/{movie_id}/cast/{name}").match(split_path(path)) == values
