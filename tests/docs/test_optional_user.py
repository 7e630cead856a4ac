import httpx
import pytest


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({}, 200, "Hello, stranger"),
        ({"Authorization": "Bearer ada-token"}, 200, "Hello, ada"),
        ({"Authorization": "Bearer guessed"}, 401, '{"type":"unauthorized","title":"Unauthorized","status":401}'),
    ],
)
def test_a_missing_token_is_admitted_and_a_wrong_token_is_refused(
    client: httpx.Client, headers: dict[str, str], status: int, text: str
) -> None:
    response = client.get("/greeting", headers=headers)
    assert (response.status_code, response.text) == (status, text)
