import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.docs.example import Example
from tests.docs.program import PATIENCE

ADA = {"Authorization": "Bearer token-of-ada"}


def test_requests_reach_the_application_with_their_user(client: httpx.Client) -> None:
    assert client.get("/shop/orders", headers=ADA).text == "the orders of Ada"
    refused = client.get("/shop/orders")
    assert (refused.status_code, refused.json()["type"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_websockets_reach_the_application_with_their_user(example: Example) -> None:
    url = f"ws{example.url.removeprefix('http')}/shop/greetings"
    with connect(url, proxy=None, additional_headers=ADA) as websocket:
        assert websocket.recv(timeout=PATIENCE) == "Hello, Ada!"
    with pytest.raises(InvalidStatus, match="401"):
        connect(url, proxy=None).close()
