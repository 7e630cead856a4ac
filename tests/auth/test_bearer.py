"""Bearer tokens: the headers that contain one, and the challenges to all others."""

import pytest

from jero import Forbidden, Unauthorized
from jero.auth import BearerAuth
from tests.auth.asking import User, asked, refusal

MISSING = 'Bearer realm="movies"'
INVALID = 'Bearer realm="movies", error="invalid_token"'


class Tokens(BearerAuth[User], realm="movies"):
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def verify(self, token: str) -> User:
        self.seen.append(token)
        if token == "forged":
            raise Unauthorized
        if token == "explained":
            raise Unauthorized("Ask for a new one.", headers={"www-authenticate": "Own"})
        if token == "locked":
            raise Forbidden("This account is locked.")
        return User(token)


class Guests(BearerAuth[User | None]):
    async def verify(self, token: str) -> User | None:
        return User(token)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER abc", "abc"),
        ("Bearer   abc", "abc"),
        ("Bearer aZ09-._~+/==", "aZ09-._~+/=="),
        ("Bearer " + "a" * 8_185, "a" * 8_185),
    ],
)
async def test_a_token_is_read(header: str, token: str) -> None:
    assert await asked(Tokens(), ("Authorization", header)) == (User(token), None)


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ([], MISSING),
        (["Basic YTpi"], MISSING),
        (["abc"], MISSING),
        ([""], MISSING),
        (["Bearerabc"], MISSING),
        (["Bearer"], INVALID),
        (["Bearer "], INVALID),
        (["Bearer a b"], INVALID),
        (["Bearer a,b"], INVALID),
        (["Bearer =a"], INVALID),
        (["Bearer a\tb"], INVALID),
        (["Bearer a\x00"], INVALID),
        (["Bearer a\r\nX: y"], INVALID),
        (["Bearer \xe9"], INVALID),
        (["Bearer 'a'"], INVALID),
        (["Bearer " + "a" * 8_186], INVALID),
        (["Bearer a", "Bearer a"], INVALID),
        (["Bearer forged"], INVALID),
    ],
)
async def test_other_headers_are_refused_with_a_challenge(headers: list[str], challenge: str) -> None:
    tokens = Tokens()
    assert await refusal(tokens, *(("Authorization", header) for header in headers)) == challenge
    assert tokens.seen in ([], ["forged"])


async def test_the_refusal_of_verify_keeps_its_detail_and_headers() -> None:
    with pytest.raises(Unauthorized) as refused:
        await asked(Tokens(), ("Authorization", "Bearer explained"))
    assert (refused.value.detail, refused.value.headers) == ("Ask for a new one.", {"www-authenticate": "Own"})
    with pytest.raises(Forbidden, match="This account is locked"):
        await asked(Tokens(), ("Authorization", "Bearer locked"))


async def test_an_optional_user_admits_a_request_without_a_token() -> None:
    assert await asked(Guests()) == (None, None)
    assert await asked(Guests(), ("Authorization", "Bearer a")) == (User("a"), None)


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer \xe9"])
async def test_a_wrong_token_is_not_anonymous(header: str) -> None:
    assert (await refusal(Guests(), ("Authorization", header))).startswith('Bearer realm="api"')


async def test_the_realm_is_quoted() -> None:
    class Quoted(BearerAuth[User], realm='the "back\\office"'):
        async def verify(self, token: str) -> User:
            return User(token)

    assert await refusal(Quoted()) == 'Bearer realm="the \\"back\\\\office\\""'
