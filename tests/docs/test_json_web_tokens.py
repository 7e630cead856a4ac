import time

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from json_web_tokens import AUDIENCE, ISSUER


def loans(client: httpx.Client, token: str) -> httpx.Response:
    return client.get("/loans", headers={"Authorization": f"Bearer {token}"})


def test_a_valid_token_gives_its_claims_to_the_handler(client: httpx.Client) -> None:
    assert loans(client, client.post("/token").text).text == "ada may see loans"


def test_a_forged_or_unsigned_token_is_refused(client: httpx.Client) -> None:
    claims = {"sub": "eve", "aud": AUDIENCE, "iss": ISSUER, "exp": time.time() + 300}
    forged = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA")
    unsigned = jwt.encode(claims, "", algorithm="none")
    for token in (forged, unsigned):
        response = loans(client, token)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="api", error="invalid_token"'
        assert response.json() == {"type": "unauthorized", "title": "Unauthorized", "status": 401}
