"""Security schemes in the document, and the challenges that they make."""

from typing import Any

import msgspec
import pytest

from jero import Unauthorized
from jero.auth import APIKeyAuth, APIKeyScheme, BasicAuth, BearerAuth, HTTPScheme, SecurityScheme
from jero.auth.jwt import JWTAuth
from jero.auth.scheme import challenged


class OpenIDConnectScheme(SecurityScheme, tag="openIdConnect", frozen=True, kw_only=True):
    open_id_connect_url: str


class Keys(APIKeyAuth[str], query="key"):
    async def verify(self, key: str) -> str:
        return key


@pytest.mark.parametrize(
    ("scheme", "document"),
    [
        (BearerAuth.scheme, {"type": "http", "scheme": "bearer"}),
        (BasicAuth.scheme, {"type": "http", "scheme": "basic"}),
        (JWTAuth.scheme, {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
        (Keys.scheme, {"type": "apiKey", "name": "key", "in": "query"}),
        (HTTPScheme(scheme="digest", description="Old."), {"type": "http", "scheme": "digest", "description": "Old."}),
        (
            OpenIDConnectScheme(open_id_connect_url="https://example.org"),
            {"type": "openIdConnect", "openIdConnectUrl": "https://example.org"},
        ),
    ],
)
def test_a_scheme_is_openapis_object(scheme: SecurityScheme, document: dict[str, Any]) -> None:
    assert msgspec.to_builtins(scheme) == document


@pytest.mark.parametrize(
    ("scheme", "missing", "wrong"),
    [
        (HTTPScheme(scheme="bearer"), 'Bearer realm="api"', 'Bearer realm="api", error="invalid_token"'),
        (HTTPScheme(scheme="basic"), 'Basic realm="api", charset="UTF-8"', 'Basic realm="api", charset="UTF-8"'),
        (HTTPScheme(scheme="digest"), 'Digest realm="api"', 'Digest realm="api"'),
        (APIKeyScheme(name="key", location="query"), 'APIKey realm="api"', 'APIKey realm="api"'),
    ],
)
def test_a_challenge_names_the_realm_and_the_error(scheme: SecurityScheme, missing: str, wrong: str) -> None:
    assert scheme.challenge("api", was_sent=False) == missing
    assert scheme.challenge("api", was_sent=True) == wrong


@pytest.mark.parametrize("headers", [{"WWW-Authenticate": "Own"}, {"www-authenticate": "Own"}])
def test_a_refusal_keeps_its_own_challenge(headers: dict[str, str]) -> None:
    assert challenged(Unauthorized(headers=headers), "Bearer").headers == headers


def test_a_challenge_is_added_to_other_headers() -> None:
    refused = challenged(Unauthorized(headers={"Retry-After": "1"}), "Bearer")
    assert refused.headers == {"Retry-After": "1", "WWW-Authenticate": "Bearer"}
