"""Bodies of application/x-www-form-urlencoded: what is read from them, and how malformed ones are refused."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.forms.bodies import read_urlencoded


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", []),
        (b"&&&", []),
        (b"text=a", [("text", "a")]),
        (b"text=a&text=b", [("text", "a"), ("text", "b")]),
        (b"&text=a&&other=b&", [("text", "a"), ("other", "b")]),
        (b"text", [("text", "")]),
        (b"text=", [("text", "")]),
        (b"text&other=", [("text", ""), ("other", "")]),
        (b"=a", [("", "")]),
        (b"text=a=b", [("text", "a=b")]),
        (b"text=a+b%2Bc%20d", [("text", "a b+c d")]),
        (b"te%78t=a", [("text", "a")]),
        (b"text=caf%C3%A9", [("text", "caf\u00e9")]),
        (b"text=caf\xc3\xa9", [("text", "caf\u00e9")]),
        (b"text=100%&other=%zz%4", [("text", "100%"), ("other", "%zz%4")]),
        (b"text=a;other=b", [("text", "a;other=b")]),
        (b"text=a%00b", [("text", "a\x00b")]),
        (b"unknown=a", [("unknown", "")]),
    ],
)
def test_fields_are_read(body: bytes, found: list[Any]) -> None:
    assert read_urlencoded([body]) == found


@pytest.mark.parametrize("body", [b"text=%ff", b"text=\xe9", b"%ff=a", b"text=%C3"])
def test_a_body_that_is_not_utf_8_is_refused(body: bytes) -> None:
    status, detail = read_urlencoded([body])
    assert status == 400
    assert "is not UTF-8" in detail


@given(st.lists(st.tuples(st.sampled_from(["text", "other", "texts"]), st.text())))
def test_what_was_sent_is_read(pairs: list[tuple[str, str]]) -> None:
    assert read_urlencoded([urlencode(pairs).encode()]) == pairs
