import httpx
from httpx_sse import connect_sse

from tests.docs.example import Example
from tests.programs import needs_program

QUESTION = '{"text":"why so late?"}'


@needs_program("curl")
def test_curl_prints_the_events_of_a_post(example: Example) -> None:
    with example.curl("/answers", "--json", QUESTION) as curl:
        lines = [line for line in curl.rest() if line]
        assert curl.status() == 0
    assert lines == ['data: {"word":"why"}', 'data: {"word":"so"}', 'data: {"word":"late"}', "data: [DONE]"]


def test_a_third_party_parser_reads_the_events_of_a_post(client: httpx.Client) -> None:
    with connect_sse(client, "POST", "/answers", json={"text": "why so late?"}) as source:
        *words, end = source.iter_sse()
    assert [word.json()["word"] for word in words] == ["why", "so", "late"]
    assert end.data == "[DONE]"


def test_a_failure_before_the_first_event_has_its_true_status(client: httpx.Client) -> None:
    response = client.post("/answers", json={"text": ""})
    assert (response.status_code, response.headers["retry-after"]) == (503, "3")
    assert response.json()["detail"] == "The model is asleep."
