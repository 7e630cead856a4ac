import httpx
from httpx_sse import connect_sse

from tests.docs.example import Example
from tests.programs import needs_program


def test_httpx_reads_the_whole_answer(client: httpx.Client) -> None:
    response = client.post("/completions", json={"prompt": "hello"})
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"text": "You said: hello"}


def test_a_third_party_parser_reads_the_stream(client: httpx.Client) -> None:
    with connect_sse(client, "POST", "/completions", json={"prompt": "hello", "stream": True}) as source:
        *chunks, end = source.iter_sse()
    assert [chunk.json()["delta"] for chunk in chunks] == ["You ", "said: ", "hello"]
    assert end.data == "[DONE]"


@needs_program("curl")
def test_curl_prints_both(example: Example) -> None:
    with example.curl("/completions", "--json", '{"prompt":"hello"}') as curl:
        assert curl.rest() == ['{"text":"You said: hello"}']
    with example.curl("/completions", "--json", '{"prompt":"hello","stream":true}') as curl:
        assert curl.line() == 'data: {"delta":"You "}'
        assert curl.line_with("DONE") == "data: [DONE]"
