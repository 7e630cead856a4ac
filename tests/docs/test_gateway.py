import json
from collections.abc import Iterator

import httpx
import pytest

from tests.docs.example import Example, served
from tests.docs.program import ROOT
from tests.ports import free_port

PAGE = (ROOT / "docs" / "client.md").read_text("utf-8")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Example]:
    """Yields a gateway to a stand-in for the service, each in its own process."""
    with pytest.MonkeyPatch.context() as patch, served("chat_service") as service:
        patch.setenv("UPSTREAM", service.url)
        with served("gateway") as gateway:
            yield gateway


def asking(question: str) -> str:
    return json.dumps({"messages": [{"role": "user", "content": question}]})


def test_curl_receives_what_the_service_sends(gateway: Example) -> None:
    question = asking("Who is there?")
    with gateway.curl("/ask", "-H", "Content-Type: application/json", "-d", question) as curl:
        lines = curl.rest()
        assert curl.status() == 0
    assert "\n".join([f"The body `{question}` is answered with:", "", "```json", *lines, "```"]) in PAGE


def test_a_refusal_keeps_the_status_and_the_time_to_ask_again(gateway: Example) -> None:
    question = {"messages": [{"role": "user", "content": "Are you busy?"}]}
    response = httpx.post(f"{gateway.url}/ask", json=question, trust_env=False)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "20"
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == "Ask again later."


def test_a_service_that_is_down_is_a_bad_gateway() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPSTREAM", f"http://127.0.0.1:{free_port()}")
        with served("gateway") as gateway:
            question = {"messages": [{"role": "user", "content": "Who is there?"}]}
            response = httpx.post(f"{gateway.url}/ask", json=question, trust_env=False)
            assert (response.status_code, response.json()["type"]) == (502, "upstream-failed")


def test_a_question_that_asks_for_a_whole_answer_is_refused(gateway: Example) -> None:
    response = httpx.post(f"{gateway.url}/ask", json={"messages": [], "stream": False}, trust_env=False)
    assert response.status_code == 422


def test_a_cut_service_cuts_the_answer(gateway: Example) -> None:
    with gateway.curl("/ask", "-H", "Content-Type: application/json", "-d", asking("Please die now.")) as curl:
        *lines, fault = curl.rest()
        assert curl.status() == 18, fault
    assert len(lines) == 2
