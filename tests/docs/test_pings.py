import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse

from tests.docs.example import Example
from tests.programs import needs_program


def events(client: httpx.Client, path: str) -> list[ServerSentEvent]:
    with connect_sse(client, "POST", path) as source:
        return list(source.iter_sse())


@needs_program("curl")
@pytest.mark.parametrize(
    ("path", "ping"),
    [
        ("/comments", [": ping"]),
        ("/messages", ["event: ping", 'data: {"type":"ping"}']),
        ("/chunks", ['data: {"choices":[]}']),
    ],
)
def test_curl_prints_the_ping_between_two_thoughts(example: Example, path: str, ping: list[str]) -> None:
    with example.curl(path, "-X", "POST") as curl:
        lines = [line for line in curl.rest() if line]
    (first,) = (number for number, line in enumerate(lines) if "Let me think." in line)
    assert lines[first + 1 : first + 1 + len(ping)] == ping
    assert any("42." in line for line in lines[first + 1 + len(ping) :])


def test_a_reader_does_not_see_a_comment(client: httpx.Client) -> None:
    assert [event.data for event in events(client, "/comments")] == ["Let me think.", "42."]


def test_a_client_sees_an_event_of_its_protocol(client: httpx.Client) -> None:
    names = [event.event for event in events(client, "/messages")]
    assert names == ["content_block_delta", "ping", "content_block_delta"]


def test_a_chunk_without_content_adds_nothing(client: httpx.Client) -> None:
    *chunks, end = events(client, "/chunks")
    texts = [choice["content"] for chunk in chunks for choice in chunk.json()["choices"]]
    assert (texts, len(chunks), end.data) == (["Let me think.", "42."], 3, "[DONE]")
