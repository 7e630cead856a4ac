import httpx
import pytest

OWN = {"Origin": "https://library.example"}
FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "https://evil.library.example"},
    {"Origin": "http://library.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
]


@pytest.fixture
def session(client: httpx.Client) -> dict[str, str]:
    """Logs in as the library's own page does. Returns the `Cookie` header that a browser would send over TLS."""
    response = client.post("/session", json={"name": "ada", "password": "analytical engine"}, headers=OWN)
    return {"Cookie": response.headers["set-cookie"].partition(";")[0]}


def borrow(client: httpx.Client, headers: dict[str, str]) -> httpx.Response:
    return client.post("/loans", json={"title": "Emma"}, headers=headers)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_forged_request_is_refused(client: httpx.Client, session: dict[str, str], headers: dict[str, str]) -> None:
    assert borrow(client, session | headers).status_code == 403
    login = client.post("/session", json={"name": "ada", "password": "analytical engine"}, headers=headers)
    assert (login.status_code, "set-cookie" in login.headers) == (403, False)


@pytest.mark.parametrize("headers", [OWN, {"Sec-Fetch-Site": "same-origin"}, {}], ids=str)
def test_the_own_page_and_a_program_are_admitted(
    client: httpx.Client, session: dict[str, str], headers: dict[str, str]
) -> None:
    assert borrow(client, session | headers).text == "ada borrows Emma"
    assert borrow(client, headers).status_code == 401


def test_a_link_from_another_site_works(client: httpx.Client) -> None:
    assert client.get("/loans", headers=FOREIGN[0] | {"Sec-Fetch-Site": "cross-site"}).status_code == 405
