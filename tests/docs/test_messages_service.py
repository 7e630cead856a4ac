import httpx
import httpx_sse

from tests.docs.example import served

QUESTION = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Who?"}], "stream": True}


def test_each_event_has_the_name_of_its_type() -> None:
    with (
        served("messages_service") as service,
        httpx.Client(base_url=service.url, trust_env=False) as client,
        httpx_sse.connect_sse(client, "POST", "/v1/messages", json=QUESTION) as source,
    ):
        events = list(source.iter_sse())
    assert [event.event for event in events] == [event.json()["type"] for event in events]
    assert (events[0].event, events[-1].event) == ("message_start", "message_stop")
