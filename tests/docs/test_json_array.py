import httpx
from json_array import Invoice
from msgspec.json import decode

from tests.docs.example import Example
from tests.programs import needs_program


@needs_program("curl")
def test_curl_prints_one_array(example: Example) -> None:
    with example.curl("/invoices/2025") as curl:
        (text,) = curl.rest()
        assert curl.status() == 0
    invoices = decode(text, type=list[Invoice])
    assert [invoice.number for invoice in invoices] == list(range(202501, 202513))


def test_httpx_decodes_the_array(client: httpx.Client) -> None:
    response = client.get("/invoices/2025")
    assert response.headers["content-type"] == "application/json"
    assert response.json()[0] == {"number": 202501, "due": "2025-01-15", "amount": "19.90"}


def test_an_empty_stream_is_an_empty_array(client: httpx.Client) -> None:
    assert client.get("/invoices/1990").text == "[]"


def test_a_year_that_is_not_a_number_is_not_found(client: httpx.Client) -> None:
    assert client.get("/invoices/last").status_code == 404
