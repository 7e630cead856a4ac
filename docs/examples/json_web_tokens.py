"""JSON Web Tokens: jero checks signature, times, audience and issuer. The claims are a Struct."""

import time

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from jero import BaseApp, Endpoint
from jero.auth.jwt import JWTAuth

AUDIENCE = "https://library.example.org"
ISSUER = "https://login.example.org"


class Claims(Struct):
    sub: str
    scope: str = ""


class TokenEndpoint(Endpoint, path="/token"):
    """Stands in for the service that signs. Usually that is a separate service, which keeps its private key."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key

    async def post(self) -> str:
        claims = {"sub": "ada", "scope": "loans", "aud": AUDIENCE, "iss": ISSUER, "exp": time.time() + 300}
        return jwt.encode(claims, self._private_key, algorithm="EdDSA")


class LoansEndpoint(Endpoint, path="/loans"):
    async def get(self, user: Claims) -> str:
        return f"{user.sub} may see {user.scope}"


class App(BaseApp):
    async def _wire(self) -> None:
        private_key = Ed25519PrivateKey.generate()
        tokens = JWTAuth[Claims](
            private_key.public_key(), algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER, leeway=10
        )
        self._include_endpoint(TokenEndpoint(private_key))
        self._include_endpoint(LoansEndpoint(), auth=tokens)


app = App()
