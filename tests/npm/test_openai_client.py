"""OpenAI's client for JavaScript works with the demo, started as the README says."""

import json
import subprocess
from typing import Any

import pytest

from tests.demo.scripted import CALL, STATUSES, offline_demo, scripted_demo
from tests.npm.programs import FOLDER, needs_npm

pytestmark = needs_npm

CLASSES = {
    400: "BadRequestError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    502: "InternalServerError",
    503: "InternalServerError",
}


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """Returns what the client saw. The service has seen it leave a stream that does not end."""
    with offline_demo() as offline, scripted_demo() as demo:
        ran = subprocess.run(
            ["node", str(FOLDER / "openai_client.mjs"), offline, demo.url],
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        demo.wait_until_left()
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def test_a_stream_is_the_whole_answer_in_parts_with_its_usage(seen: dict[str, Any]) -> None:
    whole = seen["whole"]
    *chunks, last = seen["stream"]
    deltas = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert "".join(deltas) == whole["choices"][0]["message"]["content"]
    assert len([delta for delta in deltas if delta]) > 1
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert (last["choices"], last["usage"]) == ([], whole["usage"])


def test_the_models_are_listed(seen: dict[str, Any]) -> None:
    assert seen["models"] == ["jero-offline"]


def test_the_response_has_its_headers(seen: dict[str, Any]) -> None:
    assert seen["response"] == {"status": 200, "type": "application/json", "object": "chat.completion"}


def test_wrong_requests_are_refused_in_words(seen: dict[str, Any]) -> None:
    unknown = seen["unknownModel"]
    assert (unknown["name"], unknown["code"], unknown["param"]) == ("NotFoundError", "model_not_found", "model")
    assert "gpt-none" in unknown["message"]
    assert seen["wrongRequest"]["name"] in {"BadRequestError", "UnprocessableEntityError"}
    assert "stream" in f"{seen['wrongRequest']['param']} {seen['wrongRequest']['message']}"


def test_tool_calls_arrive(seen: dict[str, Any]) -> None:
    assert seen["tools"] == [CALL]
    [call] = seen["toolsInParts"]
    assert (call["id"], call["function"]["name"]) == ("call_1", "find")
    assert json.loads(call["function"]["arguments"]) == {"title": "M"}


def test_a_refusal_is_the_error_of_its_status(seen: dict[str, Any]) -> None:
    statuses = list(STATUSES.values())
    assert [refusal["status"] for refusal in seen["refusals"]] == statuses
    assert [refusal["name"] for refusal in seen["refusals"]] == [CLASSES[status] for status in statuses]
    waits = {refusal["status"]: refusal["retryAfter"] for refusal in seen["refusals"]}
    assert (waits[429], waits[503]) == ("7", "7")
    assert seen["triedAgain"] == "Hello"


def test_a_stream_that_breaks_raises_after_the_part_that_arrived(seen: dict[str, Any]) -> None:
    assert seen["broken"]["received"] == ["", "Half"]
    assert seen["broken"]["failed"]["name"] == "APIError"
    assert "upstream" in seen["broken"]["failed"]["message"]


def test_a_client_may_leave_a_stream(seen: dict[str, Any]) -> None:
    assert (seen["left"], seen["aborted"]) == ("more ", True)
