import httpx

from tests.docs.example import served
from tests.programs import needs_program

HEADERS = {"content-type": "text/plain; charset=utf-8", "x-total-lines": "3", "cache-control": "no-cache"}


@needs_program("curl")
def test_curl_receives_only_headers_and_the_source_never_starts() -> None:
    with served("head") as example:
        with example.curl("/export", "--head") as curl:
            status, *lines = curl.rest()
            assert curl.status() == 0
        lines_of_the_server = example.stop()
    assert status == "HTTP/1.1 200 OK"
    assert HEADERS.items() <= dict(line.split(": ", 1) for line in lines if line).items()
    assert any('"HEAD /export HTTP/1.1" 200' in line for line in lines_of_the_server)
    assert not any("export begun" in line for line in lines_of_the_server)


def test_httpx_receives_the_headers_of_a_get() -> None:
    with served("head") as example, httpx.Client(base_url=example.url, timeout=30, trust_env=False) as client:
        head, get = client.head("/export"), client.get("/export")
        example.line_with("export begun")
    assert head.content == b""
    assert get.text == "line 1\nline 2\nline 3\n"
    for response in (head, get):
        assert HEADERS.items() <= response.headers.items()
