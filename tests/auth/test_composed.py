"""Authenticators that call another one with the headers that it reads, and decide more."""

from typing import Any

import pytest
from msgspec import Struct

from jero import Forbidden, Unauthorized
from jero.auth import Auth, AuthorizationHeaders, BasicAuth, BearerAuth, Expiring
from jero.auth.jwt import JWTAuth
from tests.auth.asking import User, asked, refusal
from tests.auth.tokens import AUDIENCE, SECRET, Claims, bearer, claims, token


class Member(Struct, frozen=True):
    name: str


class Tokens(BearerAuth[User], realm="movies"):
    async def verify(self, token: str) -> User:
        if token != "ada":
            raise Unauthorized
        return User(token)


class Passwords(BasicAuth[User], realm="movies"):
    async def verify(self, username: str, password: str) -> User:
        return User(username)


class Members:
    def __init__(self, inner: BearerAuth[User] | BasicAuth[User]) -> None:
        self._inner = inner
        self.scheme = inner.scheme

    async def authenticate(self, headers: AuthorizationHeaders) -> Member:
        user = await self._inner.authenticate(headers)
        if user.name == "eve":
            raise Forbidden
        return Member(user.name)


class Subjects:
    """Keeps the expiry of the token for its own user."""

    def __init__(self, inner: JWTAuth[Claims]) -> None:
        self._inner = inner
        self.scheme = inner.scheme

    async def authenticate(self, headers: AuthorizationHeaders) -> Expiring[Member]:
        found = await self._inner.authenticate(headers)
        return Expiring(Member(found.user.sub), found.expires_at)


@pytest.mark.parametrize(
    ("auth", "header"),
    [(Members(Tokens()), bearer("ada")), (Members(Passwords()), ("Authorization", "Basic YWRhOng="))],
)
async def test_the_outer_one_returns_its_own_user(auth: Auth, header: tuple[str, str]) -> None:
    assert await asked(auth, header) == (Member("ada"), None)


async def test_the_outer_one_refuses_more() -> None:
    with pytest.raises(Forbidden):
        await asked(Members(Passwords()), ("Authorization", "Basic ZXZlOng="))


async def test_refusals_of_the_inner_one_have_its_challenge() -> None:
    auth = Members(Tokens())
    assert await refusal(auth) == 'Bearer realm="movies"'
    assert await refusal(auth, bearer("guessed")) == 'Bearer realm="movies", error="invalid_token"'
    assert await refusal(auth, bearer("ada"), bearer("ada")) == 'Bearer realm="movies", error="invalid_token"'


async def test_the_expiry_of_the_inner_one_can_be_kept() -> None:
    tokens = JWTAuth[Claims](SECRET, algorithms=["HS256"], audience=AUDIENCE)
    payload: dict[str, Any] = claims()
    assert await asked(Subjects(tokens), bearer(token(payload))) == (Member("ada"), payload["exp"])
