import pytest

from jero.http.asgi import Message, is_disconnect, request_header, response_body, response_start, route_path


def test_response_messages_have_the_fields_of_asgi() -> None:
    assert response_start(200, [(b"a", b"1")]) == {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"a", b"1")],
    }
    assert response_body(b"x") == {"type": "http.response.body", "body": b"x", "more_body": False}
    assert response_body(b"x", more_body=True) == {"type": "http.response.body", "body": b"x", "more_body": True}


@pytest.mark.parametrize(
    ("message", "expected"), [({"type": "http.disconnect"}, True), ({"type": "http.request", "body": b""}, False)]
)
def test_is_disconnect_recognizes_the_message(message: Message, *, expected: bool) -> None:
    assert is_disconnect(message) is expected


def test_request_header_returns_the_first_of_a_name() -> None:
    scope = {"headers": [(b"a", b"1"), (b"b", b"2"), (b"b", b"3")]}
    assert request_header(scope, b"b") == b"2"
    assert request_header(scope, b"c") is None


@pytest.mark.parametrize(
    ("root_path", "path", "expected"),
    [
        ("", "/movies", "/movies"),
        ("/api", "/api/movies", "/movies"),
        ("/api", "/api/", "/"),
        ("/api", "/api", "/"),
        ("/api", "/movies", "/movies"),
        ("/api", "/apiary/movies", "/apiary/movies"),
        ("/api/", "/api/movies", "/movies"),
    ],
)
def test_route_path_removes_the_root_path(root_path: str, path: str, expected: str) -> None:
    assert route_path({"path": path, "root_path": root_path}) == expected


def test_route_path_works_without_a_root_path() -> None:
    assert route_path({"path": "/movies"}) == "/movies"
