import httpx
import httpx_sse
import pytest

from tests.docs.example import served_gateway

CHAT = "/v1/chat/completions"


def asking(question: str) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": question}]}


def test_the_answer_ends_with_done_unless_the_service_is_cut() -> None:
    with served_gateway("gateway") as (gateway, _), httpx.Client(base_url=gateway.url, trust_env=False) as client:
        with httpx_sse.connect_sse(client, "POST", CHAT, json=asking("Who?")) as source:
            assert [event.data for event in source.iter_sse()][-1] == "[DONE]"
        with httpx_sse.connect_sse(client, "POST", CHAT, json=asking("Please die now.")) as source:
            events = source.iter_sse()
            assert "Please" in next(events).data
            assert "die" in next(events).data
            with pytest.raises(httpx.RemoteProtocolError):
                next(events)


def test_leaving_ends_the_request_to_the_service() -> None:
    with served_gateway("gateway") as (gateway, service):
        request = asking("Please wait here.")
        with httpx.stream("POST", f"{gateway.url}{CHAT}", json=request, trust_env=False) as response:
            assert "Please" in next(response.iter_lines())
        service.line_with("disconnected")
