import httpx
import pytest

from tests.docs.example import Example
from tests.programs import needs_program


@needs_program("curl")
def test_the_cursor_is_closed_when_the_rows_end(example: Example) -> None:
    with example.curl("/short/rows") as curl:
        assert curl.rest() == ['{"number":1}', '{"number":2}', '{"number":3}']
        assert curl.status() == 0
    example.line_with("cursor open")
    example.line_with("short: completed, error: None")
    assert example.line_with("cursor") == "cursor closed"


@needs_program("curl")
def test_the_cursor_is_closed_when_the_client_leaves(example: Example) -> None:
    with example.curl("/endless/rows") as curl:
        assert curl.line() == '{"number":1}'
    example.line_with("cursor open")
    example.line_with("endless: disconnected, error: None")
    assert example.line_with("cursor") == "cursor closed"


@needs_program("curl")
def test_the_cursor_is_closed_when_a_row_fails_and_curl_reports_a_cut_transfer(example: Example) -> None:
    with example.curl("/broken/rows") as curl:
        assert curl.line() == '{"number":1}'
        assert curl.rest()[-1].startswith("curl: (18)")
        assert curl.status() == 18
    example.line_with("cursor open")
    example.line_with("broken: failed, error: the disk is gone")
    assert example.line_with("cursor") == "cursor closed"


def test_the_cursor_is_closed_when_httpx_leaves(example: Example, client: httpx.Client) -> None:
    with client.stream("GET", "/endless/rows") as response:
        assert next(response.iter_lines()) == '{"number":1}'
    example.line_with("endless: disconnected")
    assert example.line_with("cursor") == "cursor closed"


def test_httpx_raises_if_the_transfer_is_cut(client: httpx.Client) -> None:
    with client.stream("GET", "/broken/rows") as response:
        lines = response.iter_lines()
        assert next(lines) == '{"number":1}'
        with pytest.raises(httpx.RemoteProtocolError):
            next(lines)
