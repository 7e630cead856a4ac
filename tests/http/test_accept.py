import pytest

from jero.http.accept import is_named


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
def test_a_media_type_is_named_when_it_is_listed_itself(accept: bytes | None, *, expected: bool) -> None:
    assert is_named(accept, "application/jsonl") is expected
