"""An authenticator of your own: any object with `authenticate` and `scheme`."""

import hmac
from hashlib import sha256

from msgspec import Struct

from jero import BaseApp, Endpoint, Unauthorized
from jero.auth import HTTPScheme


class SignedHeaders(Struct):
    x_client: str
    x_signature: str


class Client(Struct):
    name: str


class Signatures:
    """Admits clients that sign their name."""

    scheme = HTTPScheme(scheme="signature", description="X-Signature is the HMAC of X-Client, in hexadecimal.")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    async def authenticate(self, headers: SignedHeaders) -> Client:
        expected = hmac.new(self._secret, headers.x_client.encode(), sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), headers.x_signature.encode()):
            raise Unauthorized
        return Client(name=headers.x_client)


class StockEndpoint(Endpoint, path="/stock"):
    async def get(self, user: Client) -> str:
        return f"{user.name} may see the stock"


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(StockEndpoint(), auth=Signatures(b"from the environment"))


app = App()
