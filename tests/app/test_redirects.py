"""A redirect sends the client to a URL, whatever text it is made of."""

from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from jero import BaseApp, Cookie, Endpoint, Redirect, Unauthorized
from jero.testing import TestClient
from tests.application import Application
from tests.openapi.documents import decoded, operations


class Hint(Struct):
    location: str | None = None
    x_hint: str | None = None


class LoginEndpoint(Endpoint, path="/login"):
    def __init__(self, redirect: Redirect[Hint]) -> None:
        self._redirect = redirect

    async def get(self) -> Redirect[Hint]:
        return self._redirect

    post = get


def answered(redirect: Redirect[Any], method: str = "GET") -> httpx.Response:
    with TestClient(Application(LoginEndpoint(redirect))) as client:
        return client.request(method, "/login", follow_redirects=False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_it_has_a_status_a_location_and_no_body(method: str, status: int) -> None:
    response = answered(Redirect("/home?of=42#top", status_code=status), method)
    assert (response.status_code, response.content) == (status, b"")
    assert dict(response.headers) == {"location": "/home?of=42#top", "content-length": "0"}


def test_the_client_goes_on_with_get_unless_another_status_is_set() -> None:
    response = answered(Redirect("/home", headers=Hint(x_hint="soon"), cookies=[Cookie(name="a", value="b")]), "POST")
    assert (response.status_code, response.headers["x-hint"]) == (303, "soon")
    assert response.headers["set-cookie"].startswith("a=b")
    assert response.next_request is not None
    assert (response.next_request.method, response.next_request.url.path) == ("GET", "/home")


@pytest.mark.parametrize("redirect", [{"raw_headers": {"Location": "/own"}}, {"headers": Hint(location="/own")}])
def test_a_location_among_its_headers_replaces_it(redirect: dict[str, Any]) -> None:
    assert answered(Redirect("/home", **redirect)).headers.get_list("location") == ["/own"]


@pytest.mark.parametrize("status", [200, 204, 300, 304, 305, 306, 400])
def test_another_status_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match=r"it must be 301, 302, 303, 307 or 308\."):
        Redirect("/home", status_code=status)


def test_a_location_that_is_not_text_is_refused() -> None:
    location: Any = httpx.URL("/home")
    with pytest.raises(TypeError, match="Write the URL as text"):
        Redirect(location)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_one_header_that_names_it(text: str) -> None:
    [(name, value)] = Redirect(f"/{text}").header_pairs()
    assert name == b"location"
    assert all(0x20 < byte < 0x7F for byte in value)
    assert unquote(value.decode()) == unquote(f"/{text}")


@given(st.from_regex(r"\A(https://[a-z.]{1,9})?/([A-Za-z0-9~._!$&'()*+,;=:@/-]|%[0-9A-F]{2}){0,20}(\?[a-z=&]*)?\Z"))
def test_a_url_is_sent_as_it_is(url: str) -> None:
    assert Redirect(url).header_pairs() == [(b"location", url.encode())]


def test_the_document_names_the_location() -> None:
    document = decoded(operations(LoginEndpoint(Redirect("/"))))
    response = document["paths"]["/login"]["get"]["responses"]["303"]
    assert response["headers"]["Location"]["schema"] == {"type": "string", "format": "uri-reference"}
    assert "content" not in response


class MembersEndpoint(Endpoint, path="/members"):
    async def get(self) -> str:
        raise Unauthorized


async def to_login(error: Unauthorized) -> Redirect:
    return Redirect("/login")


class MembersApp(BaseApp):
    async def _wire(self) -> None:
        self._include_exception_handler(Unauthorized, to_login)
        self._include_endpoint(MembersEndpoint())


def test_an_exception_handler_may_redirect() -> None:
    with TestClient(MembersApp()) as client:
        response = client.get("/members")
    assert (response.status_code, response.headers["location"]) == (303, "/login")
