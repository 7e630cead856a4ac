"""Calls authenticators as a route does, without an application."""

from typing import Any

import pytest
from msgspec import Struct

from jero import Problem, Unauthorized
from jero.auth import Auth
from jero.contract.authentication import read_authentication
from jero.dispatch.authenticator import Authenticator
from tests.application import http_scope


class User(Struct, frozen=True):
    name: str


async def asked(auth: Auth, *headers: tuple[str, str], query: bytes = b"") -> tuple[Any, float | None]:
    """Returns the user and the expiry for a request with these headers."""
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    authenticator = Authenticator(read_authentication(auth, "MoviesEndpoint"))
    return await authenticator.authenticate(http_scope(path="/movies", query=query, headers=pairs), {})


async def refusal(auth: Auth, *headers: tuple[str, str], query: bytes = b"") -> str:
    """Returns the challenge of the refusal of a request with these headers. Its problem has no detail."""
    with pytest.raises(Unauthorized) as refused:
        await asked(auth, *headers, query=query)
    assert refused.value.problem() == Problem(type="unauthorized", title="Unauthorized", status=401)
    assert list(refused.value.headers) == ["WWW-Authenticate"]
    return refused.value.headers["WWW-Authenticate"]
