import httpx
from httpx_sse import connect_sse

from tests.docs.example import Example
from tests.programs import needs_program

PAYMENTS = ['{"type":"payment","cents":1250}', '{"type":"payment","cents":300}']


@needs_program("curl")
def test_curl_prints_the_total_last(example: Example) -> None:
    with example.curl("/payments") as curl:
        assert curl.rest() == [*PAYMENTS, '{"type":"total","payments":2}']
        assert curl.status() == 0


def test_a_third_party_parser_reads_the_end_mark(client: httpx.Client) -> None:
    with connect_sse(client, "GET", "/payments/events") as source:
        assert [event.data for event in source.iter_sse()] == [*PAYMENTS, "[DONE]"]
