"""JSON Web Tokens for tests, including tokens that no library would sign."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any, Final

from msgspec import Struct

SECRET: Final = "a secret of more than 32 bytes for HMAC"
AUDIENCE: Final = "https://api.example.org"
ISSUER: Final = "https://login.example.org"


INVALID: Final = 'Bearer realm="api", error="invalid_token"'


class Claims(Struct):
    sub: str
    admin: bool = False


def base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def claims(**changed: Any) -> dict[str, Any]:
    """Returns valid claims with some changed. A claim that is `...` is left out."""
    now = int(time.time())
    whole = {
        "sub": "ada",
        "exp": now + 86_400,
        "nbf": now - 5,
        "iat": now - 5,
        "aud": AUDIENCE,
        "iss": ISSUER,
        **changed,
    }
    return {name: claim for name, claim in whole.items() if claim is not ...}


def token(payload: object, header: object = None, *, secret: str | bytes = SECRET, digest: str = "sha256") -> str:
    """Returns a token signed with HMAC. A part that is `bytes` is used unchanged."""
    parts = [header or {"alg": "HS256", "typ": "JWT"}, payload]
    signed = ".".join(base64url(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in parts)
    key = secret.encode() if isinstance(secret, str) else secret
    return f"{signed}.{base64url(hmac.new(key, signed.encode(), digest).digest())}"


def bearer(text: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {text}")


def tampered(text: str, part: int) -> str:
    """Returns the token with another letter in the middle of one of its three parts."""
    parts = text.split(".")
    middle = len(parts[part]) // 2
    other = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + other + parts[part][middle + 1 :]
    return ".".join(parts)
