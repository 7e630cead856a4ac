from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero import Cookie
from jero.http.cookies import read_cookies
from tests.naming import shown

VALID: dict[str, Any] = {"name": "session", "value": "abc"}


@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({}, "; Path=/; SameSite=Lax; HttpOnly"),
        ({"path": None, "same_site": None, "http_only": False}, ""),
        ({"max_age": 0, "path": "/a", "same_site": "strict"}, "; Max-Age=0; Path=/a; SameSite=Strict; HttpOnly"),
        (
            {"domain": "example.org", "same_site": "none", "secure": True},
            "; Domain=example.org; Path=/; SameSite=None; Secure; HttpOnly",
        ),
        (
            {"expires": datetime(2026, 11, 20, tzinfo=UTC)},
            "; Expires=Fri, 20 Nov 2026 00:00:00 GMT; Path=/; SameSite=Lax; HttpOnly",
        ),
    ],
    ids=["defaults", "bare", "max-age", "cross-site", "expires"],
)
def test_a_cookie_writes_its_set_cookie_header(options: dict[str, Any], attributes: str) -> None:
    assert Cookie(**(VALID | options)).header() == f"session=abc{attributes}"


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "a=b"},
        {"name": "a;b"},
        {"name": "a\r\nb"},
        {"name": "é"},
        {"value": "a;b"},
        {"value": "a b"},
        {"value": 'a"b'},
        {"value": "a,b"},
        {"value": "a\\b"},
        {"value": "a\r\nset-cookie: c=d"},
        {"value": "a\n"},
        {"value": "é"},
        {"path": "/; HttpOnly"},
        {"path": "/\r\nx: y"},
        {"path": "/€"},
        {"domain": "example.org; Secure"},
        {"domain": "example.org\0"},
    ],
    ids=shown,
)
def test_a_cookie_refuses_forbidden_characters(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cookie"):
        Cookie(**(VALID | options))


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2 ; ;", {"a": "1", "b": "2"}),
        ("a=1; a=2", {"a": "1"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": ""}),
        ('a="1"', {"a": "1"}),
        ("a=%C3%A9%20x", {"a": "é x"}),
        ("a=%zz", {"a": "%zz"}),
        ("lonely; a=1", {"a": "1"}),
        ("a=1\x85; b=\xa02", {"a": "1\x85", "b": "\xa02"}),
        ("\ta = 1 ", {"a": "1"}),
    ],
)
def test_read_cookies_returns_the_cookies_of_a_request(header: str, cookies: dict[str, str]) -> None:
    assert read_cookies(header) == cookies


@given(value=st.text().filter(lambda text: text.isprintable()))
def test_a_percent_encoded_value_is_read_back(value: str) -> None:
    header = Cookie(name="a", value=quote(value, safe="")).header()
    assert read_cookies(header)["a"] == value
    assert SimpleCookie(header)["a"].value == quote(value, safe="")
