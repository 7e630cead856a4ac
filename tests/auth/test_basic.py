"""User names and passwords: the headers that contain them, and the challenge to all others."""

from base64 import b64encode

import pytest

from jero import Unauthorized
from jero.auth import BasicAuth
from tests.auth.asking import User, asked, refusal

CHALLENGE = 'Basic realm="movies", charset="UTF-8"'


class Accounts(BasicAuth[User], realm="movies"):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    async def verify(self, username: str, password: str) -> User:
        self.seen.append((username, password))
        if password == "wrong":
            raise Unauthorized
        return User(f"{username}|{password}")


class Guests(BasicAuth[User | None]):
    async def verify(self, username: str, password: str) -> User | None:
        return User(username)


def basic(text: str | bytes) -> str:
    return "Basic " + b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.mark.parametrize(
    ("header", "user"),
    [
        (basic("Aladdin:open sesame"), "Aladdin|open sesame"),
        (basic("a:b:c"), "a|b:c"),
        (basic("a:"), "a|"),
        (basic(":b"), "|b"),
        (basic("test:123\u00a3"), "test|123\u00a3"),
        (basic("\u5f20:\U0001f511"), "\u5f20|\U0001f511"),
        (basic("a:b").replace("Basic", "bASIC  "), "a|b"),
    ],
)
async def test_user_name_and_password_are_read(header: str, user: str) -> None:
    assert await asked(Accounts(), ("Authorization", header)) == (User(user), None)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["Bearer abc"],
        ["Basic"],
        ["Basic "],
        ["Basic !!!!"],
        ["Basic YTpi YTpi"],
        ["Basic YTp"],
        ["Basic YTpi="],
        ["Basic YTpi===="],
        ["Basic YT-_"],
        ["Basic \xe9"],
        [basic("no colon")],
        [basic(b"a:\xff")],
        [basic("")],
        [basic("a\n:b")],
        [basic("a:b\x00")],
        [basic("a:b\x7f")],
        [basic("a:" + "b" * 8_192)],
        [basic("a:b"), basic("a:b")],
        [basic("a:wrong")],
    ],
)
async def test_other_headers_are_refused_with_the_same_challenge(headers: list[str]) -> None:
    accounts = Accounts()
    assert await refusal(accounts, *(("Authorization", header) for header in headers)) == CHALLENGE
    assert accounts.seen in ([], [("a", "wrong")])


async def test_an_optional_user_admits_a_request_without_a_name() -> None:
    assert await asked(Guests()) == (None, None)
    assert await refusal(Guests(), ("Authorization", "Basic !")) == 'Basic realm="api", charset="UTF-8"'
