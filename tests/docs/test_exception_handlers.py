import httpx
import pytest


@pytest.mark.parametrize(
    ("shelf", "status", "body"),
    [
        ("poetry", 409, {"error": "the shelf is full", "free_on": ["novels"]}),
        ("novels", 409, {"type": "conflict", "title": "Conflict", "status": 409}),
        ("history", 404, {"type": "not-found", "detail": "This shelf does not exist."}),
    ],
)
def test_each_exception_gets_the_response_of_its_handler(
    client: httpx.Client, shelf: str, status: int, body: dict[str, object]
) -> None:
    response = client.post(f"/shelves/{shelf}")
    assert response.status_code == status
    assert body.items() <= response.json().items()
    assert "Ada" not in response.text
