"""Compares the type of a parameter `user` with the type that the authenticator returns, as type checkers do."""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, NewType, Protocol, TypedDict

import pytest
from msgspec import Struct
from typing_extensions import TypeVar

from jero import Endpoint, WiringError
from jero.auth import HTTPScheme
from jero.contract.operation import read_operations

T = TypeVar("T")


class Dog(Struct):
    name: str


class Cat(Struct):
    name: str


class Owner:
    name: str


class Animal(Protocol):
    name: str


class Tag(TypedDict):
    name: str


class Kennel(Struct, Generic[T]):
    guest: T


DogName = NewType("DogName", str)
Caller = NewType("Caller", Owner)


def include(user: Any, annotation: Any) -> None:
    """Reads an endpoint that takes a user with that annotation. Its authenticator returns the type `user`."""

    class Tokens:
        scheme = HTTPScheme(scheme="bearer")

        async def authenticate(self, params: Dog) -> Any:
            raise NotImplementedError

    class DogsEndpoint(Endpoint, path="/dogs"):
        async def get(self, user: Any) -> Dog:
            raise NotImplementedError

    Tokens.authenticate.__annotations__["return"] = user
    DogsEndpoint.get.__annotations__["user"] = annotation
    read_operations(DogsEndpoint(), None, auth=Tokens(), has_enc_hook=False)


@pytest.mark.parametrize(
    ("user", "annotation"),
    [
        (Dog, Animal),
        (Dog, Animal | None),
        (Dog, Annotated[Dog, "of the caller"]),
        (Dog, Annotated[Dog | None, "of the caller"]),
        (Annotated[Dog, "of the caller"], Dog),
        (Caller, Owner),
        (Caller, Caller),
        (Caller | None, Owner | None),
        (DogName, str),
        (Literal["Rex", "Fido"], str),
        (Literal["Rex", 1], str | int),
        (Kennel[Dog], Kennel),
        (dict[str, int], Mapping[str, int]),
        (Tag, Tag),
    ],
)
def test_a_parameter_accepts_the_user(user: Any, annotation: Any) -> None:
    include(user, annotation)


@pytest.mark.parametrize(
    ("user", "annotation"),
    [
        (Dog, Cat),
        (Owner, Caller),
        (str, DogName),
        (Literal["Rex", 1], str),
        (Kennel[Dog], Kennel[Cat]),
        (dict[str, int], Tag),
        (Annotated[Dog | None, "of the caller"], Dog),
        (Dog, list[Dog]),
    ],
)
def test_a_parameter_that_does_not_accept_the_user_is_refused(user: Any, annotation: Any) -> None:
    with pytest.raises(WiringError, match=r"^DogsEndpoint\.get, parameter 'user': its type is .+, but the authent"):
        include(user, annotation)
