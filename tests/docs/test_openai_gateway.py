"""Reads the gateway in OpenAI's dialect with the official client, and with httpx what that client does not show."""

from collections.abc import AsyncIterator, Iterator

import httpx
import msgspec
import openai
import openai_gateway
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from jero.client import RequestRefused
from tests.docs.example import Example, served_gateway, served_to
from tests.docs.program import PATIENCE, ROOT
from tests.ports import free_port

PAGE = (ROOT / "docs" / "gateway.md").read_text("utf-8")


@pytest.fixture(scope="module")
def served_pair() -> Iterator[tuple[Example, Example]]:
    with served_gateway("openai_gateway") as pair:
        yield pair


@pytest.fixture
def service(served_pair: tuple[Example, Example]) -> Example:
    return served_pair[1]


@pytest.fixture
def client(served_pair: tuple[Example, Example]) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(trust_env=False)
    url = f"{served_pair[0].url}/v1"
    with openai.OpenAI(base_url=url, api_key="k", timeout=PATIENCE, max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture
async def async_client(served_pair: tuple[Example, Example]) -> AsyncIterator[openai.AsyncOpenAI]:
    http = openai.DefaultAsyncHttpxClient(trust_env=False)
    url = f"{served_pair[0].url}/v1"
    async with openai.AsyncOpenAI(
        base_url=url, api_key="k", timeout=PATIENCE, max_retries=0, http_client=http
    ) as client:
        yield client


def stream(client: openai.OpenAI, question: str) -> openai.Stream[ChatCompletionChunk]:
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": question}], stream=True)


def whole(client: openai.OpenAI, question: str) -> ChatCompletion:
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": question}])


def test_an_answer_is_streamed(client: openai.OpenAI) -> None:
    with stream(client, "Who is there?") as chunks:
        choices = [chunk.choices[0] for chunk in chunks]
    assert [choice.delta.content for choice in choices] == ["Who ", "is ", "there? ", None]
    assert choices[-1].finish_reason == "stop"


def test_an_answer_is_whole_and_has_its_usage(client: openai.OpenAI) -> None:
    answer = whole(client, "Who is there?")
    assert answer.choices[0].message.content == "Who is there? "
    assert answer.usage is not None
    assert answer.usage.total_tokens == 6


async def test_the_async_client_reads_both(async_client: openai.AsyncOpenAI) -> None:
    create = async_client.chat.completions.create
    async with await create(model="m", messages=[{"role": "user", "content": "Hello!"}], stream=True) as chunks:
        texts = [chunk.choices[0].delta.content async for chunk in chunks]
    answer = await create(model="m", messages=[{"role": "user", "content": "Hello!"}])
    assert (texts, answer.choices[0].message.content) == (["Hello! ", None], "Hello! ")


@pytest.mark.parametrize("ask", [stream, whole])
def test_a_refusal_keeps_its_status_its_error_and_the_time_to_wait(client: openai.OpenAI, ask: type) -> None:
    with pytest.raises(openai.RateLimitError) as refused:
        ask(client, "Are you busy?")
    assert refused.value.response.headers["Retry-After"] == "20"
    assert refused.value.type == "rate_limit_exceeded"
    error = {"message": "Ask again later.", "type": "rate_limit_exceeded", "param": None, "code": None}
    assert refused.value.body == error


def test_a_late_first_event_has_its_true_status(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as late:
        stream(client, "Please think.")
    assert late.value.status_code == 504
    assert late.value.type == "server_error"


def test_a_cut_is_an_error_after_the_chunks_before_it(client: openai.OpenAI) -> None:
    with stream(client, "Please die now.") as chunks:
        assert [next(chunks).choices[0].delta.content for _ in range(2)] == ["Please ", "die "]
        with pytest.raises(openai.APIError, match="The upstream failed"):
            next(chunks)


def test_leaving_a_stream_ends_the_request_to_the_service(client: openai.OpenAI, service: Example) -> None:
    with stream(client, "Please wait here.") as chunks:
        assert [next(chunks).choices[0].delta.content for _ in range(2)] == ["Please ", "wait "]
    line = service.line_with("disconnected")
    assert f"```text\n{line}\n```" in PAGE


def test_leaving_before_a_whole_answer_ends_the_request_to_the_service(client: openai.OpenAI, service: Example) -> None:
    with pytest.raises(openai.APITimeoutError):
        whole(client.with_options(timeout=0.5), "Please think.")
    service.line_with("the client left before the answer")


@pytest.mark.parametrize(
    ("method", "body", "message"),
    [
        ("GET", None, "Method not allowed"),
        ("POST", [], "Expected `object`, got `array` - at `$.json`"),
        ("POST", {}, "The upstream refused the request."),
        ("POST", {"stream": "true"}, "Expected `bool | null`, got `str` - at `$.stream`"),
    ],
)
def test_all_refusals_have_the_shape_of_the_dialect(
    served_pair: tuple[Example, Example], method: str, body: object, message: str
) -> None:
    url = f"{served_pair[0].url}/v1/chat/completions"
    with httpx.Client(trust_env=False) as client:
        response = client.request(method, url, json=body)
    assert response.status_code == (405 if method == "GET" else 422)
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    assert response.json() == {"error": error}


def test_a_service_that_is_down_is_passed_over(service: Example) -> None:
    with (
        served_to("openai_gateway", f"http://127.0.0.1:{free_port()}", service.url) as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False) as client,
    ):
        request = {"model": "m", "messages": [{"role": "user", "content": "Hello!"}]}
        response = client.post("/v1/chat/completions", json=request)
    assert response.json()["choices"][0]["message"]["content"] == "Hello! "


@pytest.mark.parametrize("status", [302, 401, 402, 403, 407, 999])
def test_the_client_does_not_see_what_concerns_the_gateway_alone(status: int) -> None:
    response = httpx.Response(status, content=b"{}", request=httpx.Request("POST", "http://service"))
    answer = openai_gateway.failed(RequestRefused(response))
    assert answer.status_code == 502
    error = {"message": "The upstream failed.", "type": "server_error", "param": None, "code": None}
    assert msgspec.to_builtins(answer.content) == {"error": error}
