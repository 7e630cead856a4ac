import hmac
from hashlib import sha256

import httpx
import pytest


def signature(client: str, secret: bytes = b"from the environment") -> str:
    return hmac.new(secret, client.encode(), sha256).hexdigest()


def test_a_signed_request_is_admitted(client: httpx.Client) -> None:
    response = client.get("/stock", headers={"X-Client": "till-7", "X-Signature": signature("till-7")})
    assert response.text == "till-7 may see the stock"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Client": "till-7"},
        {"X-Client": "till-8", "X-Signature": signature("till-7")},
        {"X-Client": "till-7", "X-Signature": signature("till-7", b"guessed")},
        {"X-Client": "till-7", "X-Signature": "\xe9"},
    ],
)
def test_a_request_without_a_valid_signature_is_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    response = client.get(
        "/stock", headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    )
    assert (response.status_code, response.headers["www-authenticate"]) == (401, 'Signature realm="api"')
