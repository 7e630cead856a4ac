import httpx
import pytest

from tests.docs.example import Example
from tests.programs import needs_program


@needs_program("curl")
def test_curl_prints_the_end_as_an_event(example: Example) -> None:
    with example.curl("/fleet?limit=1", "-H", "Accept: text/event-stream") as curl:
        assert curl.rest() == ['data: {"name":"Aurora","berth":1}', "", "event: end", "data: [DONE]", ""]
        assert curl.status() == 0


@pytest.mark.parametrize(("limit", "status"), [(2, 203), (3, 200)])
@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/event-stream", "application/json"])
def test_the_headers_are_the_same_in_every_format(client: httpx.Client, accept: str, limit: int, status: int) -> None:
    response = client.get("/fleet", params={"limit": limit}, headers={"Accept": accept})
    assert (response.status_code, response.headers["x-berths"], response.headers["vary"]) == (status, "4", "Accept")
    assert response.text.count('"name"') == limit


def test_the_end_is_a_text_where_there_are_no_events(client: httpx.Client) -> None:
    assert client.get("/fleet").text.splitlines()[-1] == '"[DONE]"'
    assert client.get("/fleet", headers={"Accept": "application/json"}).json()[-1] == "[DONE]"
