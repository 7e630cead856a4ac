"""Reads the gateway in Anthropic's dialect with the official client."""

from collections.abc import AsyncIterator, Iterator

import anthropic
import anthropic_gateway
import httpx
import msgspec
import pytest
from anthropic.types import Message, MessageParam, RawMessageStreamEvent, TextBlock

from jero.client import RequestRefused
from tests.docs.example import Example, served_gateway
from tests.docs.program import PATIENCE


@pytest.fixture(scope="module")
def served_pair() -> Iterator[tuple[Example, Example]]:
    with served_gateway("anthropic_gateway") as pair:
        yield pair


@pytest.fixture
def service(served_pair: tuple[Example, Example]) -> Example:
    return served_pair[1]


@pytest.fixture
def client(served_pair: tuple[Example, Example]) -> Iterator[anthropic.Anthropic]:
    http = anthropic.DefaultHttpxClient(trust_env=False)
    url = served_pair[0].url
    with anthropic.Anthropic(base_url=url, api_key="k", timeout=PATIENCE, max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture
async def async_client(served_pair: tuple[Example, Example]) -> AsyncIterator[anthropic.AsyncAnthropic]:
    http = anthropic.DefaultAsyncHttpxClient(trust_env=False)
    url = served_pair[0].url
    async with anthropic.AsyncAnthropic(
        base_url=url, api_key="k", timeout=PATIENCE, max_retries=0, http_client=http
    ) as client:
        yield client


def asking(question: str) -> list[MessageParam]:
    return [{"role": "user", "content": question}]


def stream(client: anthropic.Anthropic, question: str) -> anthropic.Stream[RawMessageStreamEvent]:
    return client.messages.create(model="m", max_tokens=9, messages=asking(question), stream=True)


def whole(client: anthropic.Anthropic, question: str) -> Message:
    return client.messages.create(model="m", max_tokens=9, messages=asking(question))


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if isinstance(block, TextBlock))


def test_an_answer_is_streamed_and_has_its_usage(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model="m", max_tokens=9, messages=asking("Who is there?")) as events:
        texts = list(events.text_stream)
        message = events.get_final_message()
    assert texts == ["Who ", "is ", "there? "]
    assert (text_of(message), message.stop_reason) == ("Who is there? ", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 3)


def test_an_answer_is_whole_and_has_its_usage(client: anthropic.Anthropic) -> None:
    message = whole(client, "Who is there?")
    assert (text_of(message), message.stop_reason) == ("Who is there? ", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 3)


async def test_the_async_client_reads_both(async_client: anthropic.AsyncAnthropic) -> None:
    messages = asking("Hello!")
    async with async_client.messages.stream(model="m", max_tokens=9, messages=messages) as events:
        texts = [text async for text in events.text_stream]
    answer = await async_client.messages.create(model="m", max_tokens=9, messages=messages)
    assert (texts, text_of(answer)) == (["Hello! "], "Hello! ")


@pytest.mark.parametrize("ask", [stream, whole])
def test_a_refusal_keeps_its_status_its_error_and_the_time_to_wait(client: anthropic.Anthropic, ask: type) -> None:
    with pytest.raises(anthropic.RateLimitError) as refused:
        ask(client, "Are you busy?")
    assert refused.value.response.headers["Retry-After"] == "20"
    assert refused.value.body == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "Ask again later."},
    }


def test_a_late_first_event_has_its_true_status(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError) as late:
        stream(client, "Please think.")
    assert late.value.status_code == 504
    error = {"type": "timeout_error", "message": "The upstream took too long."}
    assert late.value.body == {"type": "error", "error": error}


@pytest.mark.parametrize(
    ("question", "message"), [("Please die now.", "The upstream failed."), ("Do not tire now.", "Overloaded")]
)
def test_a_failure_in_mid_stream_is_an_error_after_the_events_before_it(
    client: anthropic.Anthropic, question: str, message: str
) -> None:
    with stream(client, question) as events:
        assert next(events).type == "message_start"
        with pytest.raises(anthropic.APIStatusError, match=message):
            list(events)


def test_leaving_a_stream_ends_the_request_to_the_service(client: anthropic.Anthropic, service: Example) -> None:
    with stream(client, "Please wait here.") as events:
        assert [next(events).type for _ in range(4)][-1] == "content_block_delta"
    service.line_with("disconnected")


def test_leaving_before_a_whole_answer_ends_the_request_to_the_service(
    client: anthropic.Anthropic, service: Example
) -> None:
    with pytest.raises(anthropic.APITimeoutError):
        whole(client.with_options(timeout=0.5), "Please think.")
    service.line_with("the client left before the answer")


@pytest.mark.parametrize(
    ("method", "status", "message"),
    [("GET", 405, "Method not allowed"), ("POST", 422, "Expected `bool | null`, got `str` - at `$.stream`")],
)
def test_a_refusal_of_the_gateway_has_the_shape_of_the_dialect(
    served_pair: tuple[Example, Example], method: str, status: int, message: str
) -> None:
    with httpx.Client(base_url=served_pair[0].url, trust_env=False) as client:
        response = client.request(method, "/v1/messages", json={"stream": "true"})
    assert response.status_code == status
    error = {"type": "invalid_request_error", "message": message}
    assert response.json() == {"type": "error", "error": error}


def test_an_error_of_the_service_is_the_last_event(served_pair: tuple[Example, Example]) -> None:
    request = {"model": "m", "max_tokens": 9, "messages": asking("Do not tire now."), "stream": True}
    with httpx.Client(base_url=served_pair[0].url, trust_env=False) as client:
        lines = client.post("/v1/messages", json=request).text.splitlines()
    assert lines.count("event: error") == 1
    assert lines[-2] == 'data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'


@pytest.mark.parametrize("status", [302, 401, 402, 403, 407, 999])
def test_the_client_does_not_see_what_concerns_the_gateway_alone(status: int) -> None:
    response = httpx.Response(status, content=b"{}", request=httpx.Request("POST", "http://service"))
    answer = anthropic_gateway.failed(RequestRefused(response))
    assert answer.status_code == 502
    error = {"type": "api_error", "message": "The upstream failed."}
    assert msgspec.to_builtins(answer.content) == {"type": "error", "error": error}
