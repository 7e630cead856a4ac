import httpx
import pytest

PATH = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("method", "body", "status", "code"),
    [
        ("POST", {"messages": 1}, 422, "unprocessable-content"),
        ("PUT", {}, 405, "method-not-allowed"),
        ("POST", {"messages": [{"role": "user", "content": ""}] * 4}, 529, "overloaded"),
    ],
)
def test_each_error_of_the_endpoint_is_in_its_dialect(
    client: httpx.Client, method: str, body: object, status: int, code: str
) -> None:
    response = client.request(method, PATH, json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_another_endpoint_answers_with_a_problem(client: httpx.Client) -> None:
    assert client.post("/health").headers["content-type"] == "application/problem+json"
