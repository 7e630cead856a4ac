import httpx
import pytest

ORIGIN = "https://shop.example"
EVIL = "https://evil.example"


def preflight(client: httpx.Client, method: str, headers: str, origin: str = ORIGIN) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return client.options("/books", headers=asked)


def test_a_page_may_send_a_token_and_resume_a_stream(client: httpx.Client) -> None:
    response = preflight(client, "PUT", "authorization,last-event-id")
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize(
    ("method", "headers", "origin"),
    [("DELETE", "authorization", ORIGIN), ("PUT", "x-secret", ORIGIN), ("PUT", "authorization", EVIL)],
)
def test_anything_else_is_refused(client: httpx.Client, method: str, headers: str, origin: str) -> None:
    response = preflight(client, method, headers, origin)
    assert response.status_code == 400
    assert EVIL not in response.headers.values()


def test_a_page_reads_the_named_headers_and_each_problem(client: httpx.Client) -> None:
    listed = client.get("/books", headers={"Origin": ORIGIN, "Authorization": "Bearer ada-token"})
    refused = client.put("/books", headers={"Origin": ORIGIN})
    assert (listed.status_code, refused.status_code) == (200, 401)
    for response in (listed, refused, client.get("/nothing", headers={"Origin": ORIGIN})):
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["vary"] == "Origin"
        assert "X-Total" in response.headers["access-control-expose-headers"]


def test_a_page_of_another_origin_reads_nothing(client: httpx.Client) -> None:
    for path in ("/books", "/nothing"):
        assert "access-control-allow-origin" not in client.get(path, headers={"Origin": EVIL}).headers
