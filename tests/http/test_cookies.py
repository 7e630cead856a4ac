from datetime import UTC, datetime, timedelta, timezone
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct

from jero import Cookie
from jero.binding.fields import field_reader
from jero.http.cookies import read_cookies
from tests.application import http_scope
from tests.naming import shown


class Session(Struct):
    session: str


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
    "options",
    [
        {"name": 1},
        {"name": b"a"},
        {"value": 1},
        {"value": None},
        {"max_age": "1\r\nX: y"},
        {"max_age": "60"},
        {"max_age": 1.5},
        {"max_age": True},
        {"expires": "Fri, 20 Nov 2026 00:00:00 GMT\r\nX: y"},
        {"expires": 1},
        {"domain": 1},
        {"path": b"/"},
        {"secure": "no"},
        {"secure": None},
        {"http_only": 0},
        {"same_site": 1},
    ],
    ids=shown,
)
def test_a_cookie_refuses_fields_of_another_type(options: dict[str, Any]) -> None:
    [(field, value)] = options.items()
    with pytest.raises(TypeError) as refused:
        Cookie(**(VALID | options))
    found = f"Cookie({field}={value!r}): it is of type {type(value).__name__}. Give "
    assert str(refused.value).startswith(found)


@pytest.mark.parametrize(
    "options",
    [
        {"max_age": 10**20},
        {"expires": datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))},
        {"domain": ""},
        {"path": ""},
        {"path": "a"},
        {"same_site": "Lax"},
        {"same_site": "lax\r\nX: y"},
        {"same_site": "none"},
        {"name": "__Secure-a"},
        {"name": "__Host-a"},
        {"name": "__Host-a", "secure": True, "path": "/a"},
        {"name": "__host-a", "secure": True, "domain": "example.org"},
    ],
    ids=shown,
)
def test_a_cookie_that_a_browser_would_ignore_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"[Cc]ookie .*\. .*\.$"):
        Cookie(**(VALID | options))


ANY_FIELD = st.one_of(
    st.text(), st.binary(), st.none(), st.booleans(), st.integers(), st.floats(), st.datetimes(), st.sampled_from("/a;")
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Cookie.__struct_fields__, ANY_FIELD)))
def test_no_field_of_a_cookie_writes_another_attribute_or_header(options: dict[str, Any]) -> None:
    try:
        header = Cookie(**(VALID | options)).header()
    except (TypeError, ValueError):
        return
    assert header.isascii()
    assert header.isprintable()
    names = [part.partition("=")[0] for part in header.split("; ")[1:]]
    assert set(names) <= {"Max-Age", "Expires", "Domain", "Path", "SameSite", "Secure", "HttpOnly"}
    assert len(set(names)) == len(names)


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
        ("a=%C3%A9%20x", {"a": "%C3%A9%20x"}),
        ("a=50%41", {"a": "50%41"}),
        ("a=%zz", {"a": "%zz"}),
        ('a=""', {"a": ""}),
        ('a="', {"a": '"'}),
        ('a=""1""', {"a": '"1"'}),
        ("lonely; a=1", {"a": "1"}),
        ("a=1\x85; b=\xa02", {"a": "1\x85", "b": "\xa02"}),
        ("\ta = 1 ", {"a": "1"}),
    ],
)
def test_read_cookies_returns_the_cookies_of_a_request(header: str, cookies: dict[str, str]) -> None:
    assert read_cookies(header) == cookies


@given(value=st.text().filter(lambda text: text.isprintable()))
def test_a_percent_encoded_value_is_read_back_unchanged(value: str) -> None:
    header = Cookie(name="a", value=quote(value, safe="")).header()
    assert unquote(read_cookies(header)["a"]) == value
    assert SimpleCookie(header)["a"].value == read_cookies(header)["a"]


@example(value="50%41")
@example(value="a=b==")
@given(value=st.text(st.characters(codec="ascii", exclude_characters=' ",;\\', exclude_categories=["Cc"])))
def test_every_allowed_value_is_read_back_by_the_server_and_by_a_client(value: str) -> None:
    response = httpx.Response(
        200,
        headers={"Set-Cookie": Cookie(name="session", value=value).header()},
        request=httpx.Request("GET", "http://example.org/"),
    )
    jar = httpx.Cookies()
    jar.extract_cookies(response)
    request = httpx.Request("GET", "http://example.org/a")
    jar.set_cookie_header(request)
    sent = request.headers["cookie"]
    assert sent == f"session={value}"
    scope = http_scope(headers=[(b"cookie", sent.encode())])
    assert field_reader("cookies", Session)(scope, {}) == Session(value)
    assert jar["session"] == value
