import httpx
from httpx_sse import connect_sse


def session(client: httpx.Client) -> str:
    """Logs in. Returns the `Cookie` header that a browser would send over TLS."""
    response = client.post("/session", json={"name": "ada", "password": "analytical engine"})
    assert response.status_code == 204
    pair, *attributes = response.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "Secure", "SameSite=Strict"} <= set(attributes)
    return str(pair)


def test_a_session_cookie_admits_an_event_source(client: httpx.Client) -> None:
    with connect_sse(client, "GET", "/messages", headers={"Cookie": session(client)}) as source:
        messages = [event.json() for event in source.iter_sse()]
    assert messages == [{"to": "ada", "text": "Your book is here."}, {"to": "ada", "text": "It is due on Friday."}]


def test_each_login_begins_a_new_session(client: httpx.Client) -> None:
    assert session(client) != session(client)


def test_a_request_without_a_session_is_refused(client: httpx.Client) -> None:
    for cookie in ("", "session=guessed", "session="):
        response = client.get("/messages", headers={"Cookie": cookie})
        assert (response.status_code, response.headers["www-authenticate"]) == (401, 'APIKey realm="api"')


def test_a_wrong_password_begins_no_session(client: httpx.Client) -> None:
    response = client.post("/session", json={"name": "ada", "password": "difference engine"})
    assert (response.status_code, "set-cookie" in response.headers) == (403, False)
