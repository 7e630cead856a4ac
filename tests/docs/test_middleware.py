import httpx

from tests.docs.example import Example
from tests.programs import needs_program

ORIGIN = "https://shop.example"


@needs_program("curl")
def test_an_allowed_origin_reads_a_stream(example: Example) -> None:
    with example.curl("/clock", "-i", "-H", f"Origin: {ORIGIN}") as curl:
        assert curl.line_with("access-control-allow-origin") == f"access-control-allow-origin: {ORIGIN}"
        assert curl.line_with("data") == 'data: {"number":1}'
        assert curl.line_with("data") == 'data: {"number":2}'


def test_another_origin_gets_no_cors_headers(client: httpx.Client) -> None:
    response = client.get("/nothing", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers


def test_another_host_is_refused(client: httpx.Client) -> None:
    assert client.get("/clock", headers={"Host": "evil.example"}).status_code == 400
