"""Each authenticator is a security scheme, which its operations require."""

from typing import Any

from msgspec import Struct

from jero import Endpoint
from jero.auth import APIKeyAuth, BasicAuth, BearerAuth
from jero.contract.operation import read_operations
from tests.openapi.documents import decoded, document


class Visitor(Struct):
    name: str


class Tokens(BearerAuth[Visitor]):
    async def verify(self, token: str) -> Visitor:
        return Visitor(token)


class Badges(APIKeyAuth[Visitor | None], cookie="badge"):
    async def verify(self, key: str) -> Visitor:
        return Visitor(key)


class Passwords(BasicAuth[Visitor]):
    async def verify(self, username: str, password: str) -> Visitor:
        return Visitor(username)


class VaultEndpoint(Endpoint, path="/vault"):
    async def get(self) -> str:
        return ""


def guarded(*authenticators: Any) -> dict[str, Any]:
    return decoded(
        [
            operation
            for number, auth in enumerate(authenticators)
            for operation in read_operations(VaultEndpoint(), f"/vault/{number}", auth=auth, has_enc_hook=False)
        ]
    )


def requirements(written: dict[str, Any]) -> list[Any]:
    return [path["get"].get("security") for path in written["paths"].values()]


def test_each_authenticator_is_a_scheme_under_its_name() -> None:
    written = guarded(Tokens(), Badges(), Passwords(), Tokens())
    assert written["components"]["securitySchemes"] == {
        "Badges": {"type": "apiKey", "in": "cookie", "name": "badge"},
        "Passwords": {"type": "http", "scheme": "basic"},
        "Tokens": {"type": "http", "scheme": "bearer"},
    }
    assert requirements(written)[::2] == [[{"Tokens": []}], [{"Passwords": []}]]
    assert requirements(written)[3] == [{"Tokens": []}]


def test_an_operation_that_admits_anonymous_callers_requires_nothing() -> None:
    assert requirements(guarded(Badges())) == [[{}, {"Badges": []}]]


def test_two_schemes_of_one_name_are_two() -> None:
    other = type("Tokens", (Passwords,), {})
    written = guarded(Tokens(), other())
    assert written["components"]["securitySchemes"].keys() == {"Tokens", "Tokens_2"}
    assert requirements(written) == [[{"Tokens": []}], [{"Tokens_2": []}]]


def test_credentials_are_not_parameters() -> None:
    assert "parameters" not in guarded(Badges())["paths"]["/vault/0"]["get"]


def test_an_operation_without_an_authenticator_has_no_security() -> None:
    written = document(VaultEndpoint())
    assert requirements(written) == [None]
    assert "components" not in written
