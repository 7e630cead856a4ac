"""Keys in a header, in the query and in a cookie."""

from dataclasses import dataclass
from typing import Generic

import pytest
from typing_extensions import TypeVar

from jero import Unauthorized, WiringError
from jero.auth import APIKeyAuth, APIKeyScheme, Auth
from tests.auth.asking import User, asked, refusal

CHALLENGE = 'APIKey realm="api"'
T = TypeVar("T")


class Keys(APIKeyAuth[T], Generic[T]):
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def verify(self, key: str) -> T:
        self.seen.append(key)
        if key == "forged":
            raise Unauthorized
        return self.user(key)

    def user(self, key: str) -> T:
        raise NotImplementedError


class HeaderKeys(Keys[User], header="X-API-Key"):
    def user(self, key: str) -> User:
        return User(key)


class QueryKeys(Keys[User], query="api key"):
    def user(self, key: str) -> User:
        return User(key)


class CookieKeys(Keys[User], cookie="session"):
    def user(self, key: str) -> User:
        return User(key)


class Guests(Keys[User | None], cookie="session"):
    def user(self, key: str) -> User | None:
        return User(key)


@dataclass(frozen=True, slots=True)
class Slotted(APIKeyAuth[User], cookie="session", realm="movies"):
    prefix: str

    async def verify(self, key: str) -> User:
        return User(self.prefix + key)


def sent(auth: Auth, key: str) -> list[tuple[str, str]]:
    return [("X-Api-Key", key)] if isinstance(auth, HeaderKeys) else [("Cookie", f"theme=dark; session={key}")]


@pytest.mark.parametrize("keys", [HeaderKeys, CookieKeys])
@pytest.mark.parametrize("key", ["abc", "a b", "null", "None", "true", "1", "a" * 8_192])
async def test_a_key_is_read(keys: type[HeaderKeys | CookieKeys], key: str) -> None:
    auth = keys()
    assert await asked(auth, *sent(auth, key)) == (User(key), None)


@pytest.mark.parametrize(
    ("query", "key"), [(b"api+key=abc", "abc"), (b"a=1&api%20key=%C3%A9&b=2", "\u00e9"), (b"api+key=null", "null")]
)
async def test_a_key_in_the_query_is_read(query: bytes, key: str) -> None:
    assert await asked(QueryKeys(), query=query) == (User(key), None)


@pytest.mark.parametrize("keys", [HeaderKeys, CookieKeys])
@pytest.mark.parametrize("key", ["", "a\x00b", "a\tb", "a\x7f", "a\x85b", "a" * 8_193, "forged"])
async def test_a_malformed_key_is_refused(keys: type[HeaderKeys | CookieKeys], key: str) -> None:
    auth = keys()
    assert await refusal(auth, *sent(auth, key)) == CHALLENGE
    assert auth.seen in ([], ["forged"])


@pytest.mark.parametrize("query", [b"", b"api+key=", b"api+key=a&api+key=a", b"api+key=%FF", b"api+key=%0A", b"\xff"])
async def test_a_malformed_key_in_the_query_is_refused(query: bytes) -> None:
    assert await refusal(QueryKeys(), query=query) == CHALLENGE


async def test_a_missing_or_repeated_key_is_refused() -> None:
    assert await refusal(HeaderKeys()) == CHALLENGE
    assert await refusal(HeaderKeys(), ("X-API-Key", "a"), ("X-API-Key", "a")) == CHALLENGE
    assert await refusal(CookieKeys()) == CHALLENGE
    assert await refusal(CookieKeys(), ("Cookie", "session2=a; other; =b")) == CHALLENGE


async def test_the_first_of_repeated_cookies_counts() -> None:
    assert await asked(CookieKeys(), ("Cookie", "session=a; session=b")) == (User("a"), None)


async def test_a_percent_sign_in_a_cookie_is_read_unchanged() -> None:
    assert await asked(CookieKeys(), ("Cookie", "session=a%00")) == (User("a%00"), None)


async def test_an_optional_user_admits_a_request_without_a_key() -> None:
    assert await asked(Guests()) == (None, None)
    assert await asked(Guests(), ("Cookie", "session=a")) == (User("a"), None)
    assert await refusal(Guests(), ("Cookie", "session=")) == CHALLENGE


async def test_a_dataclass_with_slots_reads_its_key() -> None:
    assert await asked(Slotted("the "), ("Cookie", "session=a")) == (User("the a"), None)
    assert await refusal(Slotted("the ")) == 'APIKey realm="movies"'


async def test_the_place_of_the_key_is_inherited_or_replaced() -> None:
    class Inheriting(CookieKeys):
        pass

    class Replacing(CookieKeys, header="X-Key"):
        pass

    assert await asked(Inheriting(), ("Cookie", "session=a")) == (User("a"), None)
    assert await asked(Replacing(), ("X-Key", "a"), ("Cookie", "session=b")) == (User("a"), None)
    assert CookieKeys.scheme == APIKeyScheme(name="session", location="cookie")
    assert Replacing.scheme == APIKeyScheme(name="X-Key", location="header")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"header": "X API Key"}, "Broken: header='X API Key' cannot be the name of a key. "),
        ({"header": ""}, "Broken: header='' cannot be the name of a key. "),
        ({"cookie": "a=b"}, "Broken: cookie='a=b' cannot be the name of a key. "),
        ({"query": ""}, "Broken: query='' cannot be the name of a key. "),
        ({"query": "a", "cookie": "b"}, "Broken: it names several places for its key. Keep one of them."),
    ],
)
def test_an_unusable_place_is_refused(place: dict[str, str], message: str) -> None:
    with pytest.raises(WiringError) as refused:

        class Broken(APIKeyAuth[User], **place):  # pyright: ignore[reportUnusedClass] - creating the class is what fails
            pass

    assert str(refused.value).startswith(message)
    assert str(refused.value).endswith(".")
