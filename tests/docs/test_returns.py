import httpx

from tests.docs.example import Example
from tests.programs import needs_program


@needs_program("curl")
def test_a_str_is_text(example: Example) -> None:
    with example.curl("/hello", "-i") as curl:
        lines = curl.rest()
    assert lines[-1] == "hello"
    assert {"content-type: text/plain; charset=utf-8", "content-length: 5"} <= set(lines)


def test_created_has_its_status_typed_headers_and_a_cookie(client: httpx.Client) -> None:
    response = client.post("/notes", json={"text": "buy milk"})
    assert (response.status_code, response.json()) == (201, {"text": "buy milk"})
    assert response.headers["location"] == "/notes/1"
    assert response.headers["set-cookie"] == "last-note=1; Max-Age=3600; Path=/; SameSite=Lax; HttpOnly"
    assert client.get("/notes/1").json() == {"text": "buy milk"}
    assert client.get("/notes").headers["x-total"] == "1"


def test_a_union_may_contain_no_content(client: httpx.Client) -> None:
    response = client.get("/notes/99")
    assert (response.status_code, response.content) == (204, b"")


def test_bytes_are_sent_with_their_media_type(client: httpx.Client) -> None:
    response = client.get("/pixel.gif")
    assert response.headers["content-type"] == "image/gif"
    assert response.content.startswith(b"GIF89a")
