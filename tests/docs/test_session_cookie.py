import httpx
from httpx_sse import connect_sse


def session(client: httpx.Client) -> str:
    """The header that a browser would send over TLS, where the cookie is allowed to travel."""
    response = client.post("/session", json={"name": "ada", "password": "analytical engine"})
    assert response.status_code == 204
    pair, *attributes = response.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "Secure", "SameSite=Strict"} <= set(attributes)
    return str(pair)


def test_event_source_is_let_in_by_its_cookie(client: httpx.Client) -> None:
    with connect_sse(client, "GET", "/messages", headers={"Cookie": session(client)}) as source:
        messages = [event.json() for event in source.iter_sse()]
    assert messages == [{"to": "ada", "text": "Your book is here."}, {"to": "ada", "text": "It is due on Friday."}]


def test_each_login_has_a_session_of_its_own(client: httpx.Client) -> None:
    assert session(client) != session(client)


def test_without_a_session_nobody_is_let_in(client: httpx.Client) -> None:
    for cookie in ("", "session=guessed", "session="):
        response = client.get("/messages", headers={"Cookie": cookie})
        assert (response.status_code, response.headers["www-authenticate"]) == (401, 'APIKey realm="api"')


def test_a_wrong_password_begins_no_session(client: httpx.Client) -> None:
    response = client.post("/session", json={"name": "ada", "password": "difference engine"})
    assert (response.status_code, "set-cookie" in response.headers) == (403, False)
