from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.errors import MalformedRequest
from jero.http.path import is_path_below, read_path

SEGMENT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


def scope(raw: str, root_path: str = "", **changes: Any) -> dict[str, Any]:
    """Returns a scope as hypercorn and granian make it: without `root_path` in the paths."""
    return {"path": unquote(raw), "raw_path": raw.encode(), "root_path": root_path, **changes}


@pytest.mark.parametrize(
    ("raw", "path", "segments"),
    [
        ("/units/kg", "/units/kg", None),
        ("/units%2Fkg", "", ["units/kg"]),
        ("/units%2fkg/", "", ["units/kg", ""]),
        ("/%75nits/k%20g", "/units/k g", ["units", "k g"]),
        ("/a%252Fb", "/a%2Fb", ["a%2Fb"]),
        ("/%zz", "/%zz", ["%zz"]),
        ("xitem%2Fa", "xitem/a", None),
        ("", "", None),
        ("*", "*", None),
    ],
)
def test_a_path_is_separated_before_it_is_decoded(raw: str, path: str, segments: list[str] | None) -> None:
    assert read_path(scope(raw)) == (path, segments)


@pytest.mark.parametrize("raw", ["/item/%ff", "/%C3", "/%ED%A0%80", "/a%2F%ff"])
def test_a_path_that_is_not_utf_8_is_refused(raw: str) -> None:
    with pytest.raises(MalformedRequest, match="not percent-encoded UTF-8"):
        read_path(scope(raw))


def test_bytes_that_are_not_encoded_are_read_as_utf_8() -> None:
    assert read_path({"path": "/é", "raw_path": b"/\xc3\xa9"}) == ("/é", ["é"])
    with pytest.raises(MalformedRequest):
        read_path({"path": "/\ufffd", "raw_path": b"/\xff"})


@pytest.mark.parametrize(
    "found",
    [
        {"path": "/a/b", "raw_path": None},
        {"path": "/a/b"},
        {"path": "/a/b", "raw_path": b"/prefix/a%2Fb"},
        {"path": "/a/b", "raw_path": b"/a%2Fb?query"},
        {"path": "/a/b", "raw_path": b"/%ff"},
    ],
)
def test_the_path_is_used_alone_if_no_raw_path_fits_it(found: dict[str, Any]) -> None:
    assert read_path(found) == ("/a/b", None)


@pytest.mark.parametrize(
    ("root_path", "app_root_path", "raw", "segments"),
    [
        ("/api", "", "/api/a%2Fb", ["a/b"]),
        ("/api", "", "/a%2Fb", ["a/b"]),
        ("/api/v1/", "", "/api/v1/a%2Fb", ["a/b"]),
        ("/api/v1", "", "/api%2Fv1/a%2Fb", ["a/b"]),
        ("/proxy/mount", "/proxy", "/mount/a%2Fb", ["a/b"]),
        ("/proxy/mount", "/proxy", "/proxy/mount/a%2Fb", ["a/b"]),
        ("/api", "", "/api%20", ["api "]),
        ("/a b", "", "/a%20b", [""]),
    ],
)
def test_root_path_is_removed_from_the_segments(
    root_path: str, app_root_path: str, raw: str, segments: list[str]
) -> None:
    found = scope(raw, root_path, app_root_path=app_root_path)
    assert read_path(found)[1] == segments


def test_root_path_that_ends_inside_of_a_segment_is_removed_from_the_path_alone() -> None:
    assert read_path(scope("/api%2Fa", "/api")) == ("/a", None)


@given(segments=st.lists(SEGMENT, min_size=1, max_size=4), root=st.sampled_from(["", "/api", "/ä b/c"]))
def test_what_a_client_encodes_is_decoded_to_the_same_segments(segments: list[str], root: str) -> None:
    raw = "/" + "/".join(quote(segment, safe="") for segment in segments)
    for found in (scope(raw, root), scope(quote(root) + raw, root)):
        path, decoded = read_path(found)
        assert decoded == segments or (decoded is None and path[1:].split("/") == segments)


@given(raw=st.binary(max_size=20), root=st.sampled_from(["", "/api", "/"]))
def test_any_path_is_read_or_refused(raw: bytes, root: str) -> None:
    found = {"path": unquote(raw, errors="replace"), "raw_path": raw, "root_path": root}
    try:
        path, _ = read_path(found)
    except MalformedRequest:
        path = ""
    assert isinstance(path, str)


@pytest.mark.parametrize(
    ("prefix", "path", "segments", "expected"),
    [
        ("/a", "/a", None, True),
        ("/a", "/a/b", None, True),
        ("/a", "/ab", None, False),
        ("/a/b", "", ["a", "b", "c/d"], True),
        ("/a/b", "", ["a/b", "c"], False),
        ("/a", "", ["a/b"], False),
        ("", "", ["a/b"], True),
    ],
)
def test_a_prefix_ends_with_a_segment(prefix: str, path: str, segments: list[str] | None, *, expected: bool) -> None:
    assert is_path_below(prefix, path, segments) is expected
