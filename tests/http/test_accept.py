"""Negotiation follows weights, wildcards and specificity, and refuses malformed lists."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.errors import Fault, MalformedRequest, NotAcceptable
from jero.http.accept import LONGEST_ACCEPT, Negotiation, accept_header, is_named
from tests.application import http_scope

OFFERED = ("application/x-ndjson", "application/jsonl", "text/event-stream", "application/json")
LISTED = "application/x-ndjson, application/jsonl, text/event-stream, application/json"
NDJSON, JSONL, SSE, ARRAY = OFFERED


@pytest.fixture
def negotiation() -> Negotiation:
    return Negotiation(OFFERED, ["application/ndjson"])


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, False),
        (b"", False),
        (b"*/*", False),
        (b"application/*", False),
        (b"application/jsonl", True),
        (b"Application/JSONL", True),
        (b"text/html, application/jsonl;q=0.5 , */*", True),
        (b"application/jsonl ; charset=utf-8", True),
        (b"application/jsonlines", False),
        (b"application/jsonl;q=0, */*", False),
        (b"\xff", False),
    ],
)
def test_is_named_ignores_wildcards(accept: bytes | None, *, expected: bool) -> None:
    assert is_named(accept, "application/jsonl") is expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        # no media range, or any
        (b"", NDJSON),
        (b" ", NDJSON),
        (b", ,,", NDJSON),
        (b"*/*", NDJSON),
        (b"*", NDJSON),
        (b"*/*;q=0.1", NDJSON),
        # by name
        (b"application/x-ndjson", NDJSON),
        (b"application/jsonl", JSONL),
        (b"application/ndjson", "application/ndjson"),
        (b"text/event-stream", SSE),
        (b"application/json", ARRAY),
        (b"TEXT/Event-Stream", SSE),
        (b"  text/event-stream  ", SSE),
        (b"application/json; charset=utf-8", ARRAY),
        (b'application/json; x="a,b"', ARRAY),
        (b'application/json; x="a;q=0,\\"*/*"; q=0.5', ARRAY),
        # wildcards, with and without names
        (b"application/*", NDJSON),
        (b"text/*", SSE),
        (b"application/json, */*", ARRAY),
        (b"application/json, text/plain, */*", ARRAY),
        (b"*/*, text/event-stream", SSE),
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", NDJSON),
        # weights
        (b"application/json;q=0.5, text/event-stream;q=0.8", SSE),
        (b"application/json;q=0.8, text/event-stream;q=0.5", ARRAY),
        (b"application/json;Q=0.2, text/event-stream;q=0.1", ARRAY),
        (b"application/json;q=0.001, image/png", ARRAY),
        (b"text/*;q=0.3, application/*;q=0.2", SSE),
        (b"*/*;q=0.9, application/json;q=0.1", NDJSON),
        (b"application/json;q=1.0, text/event-stream;q=1", SSE),
        # an invalid weight counts as 1
        (b"application/json;q=nonsense, text/event-stream;q=0.9", ARRAY),
        (b"application/json;q=7, text/event-stream;q=0.9", ARRAY),
        (b"application/json;q=nan, text/event-stream;q=0.9", ARRAY),
        (b"application/json;q=, text/event-stream;q=0.9", ARRAY),
        # the most specific range counts, wherever it stands
        (b"text/event-stream;q=0, */*", NDJSON),
        (b"*/*, application/x-ndjson;q=0", JSONL),
        (b"application/*;q=0, */*", SSE),
        (b"application/*;q=0.9, application/x-ndjson;q=0.1, application/jsonl;q=0.2", ARRAY),
        # several of the same weight
        (b"application/json, text/event-stream", SSE),
        (b"application/json, text/event-stream, application/jsonl", JSONL),
        (b"application/jsonl, application/x-ndjson", NDJSON),
        (b"application/ndjson, application/jsonl", JSONL),
        (b"image/png, text/event-stream", SSE),
        (b"\xe9/*;q=0.1", None),
    ],
)
def test_choose_returns_the_best_media_type(negotiation: Negotiation, accept: bytes, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(MalformedRequest):
            negotiation.choose(accept)
    else:
        assert negotiation.choose(accept) == expected


@pytest.mark.parametrize(
    "accept",
    [
        b"text/html",
        b"image/*, text/html",
        b"*/*;q=0",
        b"application/json;q=0",
        b"text/event-stream;q=0.0, text/html",
        b"application/x-ndjso",
        b"application/x-ndjson+json",
    ],
)
def test_a_client_that_accepts_nothing_is_refused_with_the_list(negotiation: Negotiation, accept: bytes) -> None:
    for _ in range(2):  # a refusal is not cached, and the same each time
        with pytest.raises(NotAcceptable) as refused:
            negotiation.choose(accept)
        assert (refused.value.status, refused.value.type) == (406, "not-acceptable")
        assert refused.value.detail == f"Offered are {LISTED}."
        assert refused.value.headers == {"Vary": "Accept"}
        assert refused.value.errors == (Fault(("headers", "accept"), f"Accepts none of {LISTED}"),)


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        (b"json", "'json' is not a media range."),
        (b"*/*, text", "'text' is not a media range."),
        (b"a/b/c", "'a/b/c' is not a media range."),
        (b"/", "'/' is not a media range."),
        (b"text/", "'text/' is not a media range."),
        (b"/json", "'/json' is not a media range."),
        (b"*/json", "'*/json' is not a media range."),
        (b"te xt/html", "'te xt/html' is not a media range."),
        (b"text/event-stream, ;q=1", "';q=1' is not a media range."),
        (b'"text/event-stream"', "'\"text/event-stream\"' is not a media range."),
        (b"\xff/\xff", "'ÿ/ÿ' is not a media range."),
        (b"*/*," * LONGEST_ACCEPT, f"It is longer than {LONGEST_ACCEPT} bytes."),
    ],
)
def test_an_invalid_list_of_media_ranges_is_malformed(negotiation: Negotiation, accept: bytes, found: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        negotiation.choose(accept)
    assert refused.value.detail == f"The Accept header is not a list of media ranges. {found}"
    assert refused.value.errors == (Fault(("headers", "accept"), found.removesuffix(".")),)


@given(accept=st.binary(max_size=40) | st.text(alphabet='*/,;q=01."\\ aj', max_size=40).map(str.encode))
def test_any_accept_is_answered_or_refused(accept: bytes) -> None:
    try:
        chosen: str | None = Negotiation(OFFERED).choose(accept)
    except (NotAcceptable, MalformedRequest) as refusal:
        chosen = refusal.detail
    assert chosen


@pytest.mark.parametrize("piece", [b"*/*,", b'a/b;c="', b"a/b;;;;", b'""""', b"a/a;q=0.0001,"])
def test_the_longest_accept_costs_milliseconds(negotiation: Negotiation, piece: bytes) -> None:
    accept = (piece * LONGEST_ACCEPT)[:LONGEST_ACCEPT].rstrip(b",")
    began = process_time()
    with pytest.raises((NotAcceptable, MalformedRequest)):
        negotiation.choose(accept + b"x")
    assert process_time() - began < 0.1


def test_several_accept_headers_become_one_list() -> None:
    lines = [(b"accept", b"text/html"), (b"host", b"a"), (b"accept", b"application/json")]
    assert accept_header(http_scope(headers=lines)) == b"text/html,application/json"
    assert accept_header(http_scope()) == b""
