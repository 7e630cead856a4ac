import httpx
import httpx_sse

from tests.docs.example import served

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "Who?"}], "stream": True}


def test_an_answer_is_an_event_stream_that_ends_with_done() -> None:
    with (
        served("chat_service") as service,
        httpx.Client(base_url=service.url, trust_env=False) as client,
        httpx_sse.connect_sse(client, "POST", "/v1/chat/completions", json=QUESTION) as source,
    ):
        *chunks, last = [event.data for event in source.iter_sse()]
    assert len(chunks) == 2
    assert last == "[DONE]"


def test_an_answer_is_whole_unless_a_stream_is_asked_for() -> None:
    with served("chat_service") as service, httpx.Client(base_url=service.url, trust_env=False) as client:
        for stream in (False, None):
            answer = client.post("/v1/chat/completions", json={**QUESTION, "stream": stream}).json()
            assert answer["choices"][0]["message"]["content"] == "Who? "
