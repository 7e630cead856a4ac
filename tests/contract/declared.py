"""Endpoints made from the source of a handler, so that tests can declare what a type checker refuses."""

import collections.abc
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypedDict

from msgspec import Meta, Struct
from typing_extensions import TypeVar

import jero
from jero import Endpoint
from jero.contract.operation import Operation, read_operations

T = TypeVar("T")


class Movie(Struct):
    title: str


class Book(Struct):
    title: str


class Dog(Struct, tag=True):
    name: str


class Cat(Struct, tag=True):
    name: str


class Slots(Struct):
    movie_id: int


class Page(Struct):
    page: int = 1


class Typed(Struct):
    content_type: str


class Positional(Struct, array_like=True):
    page: int = 1


class Listing(Struct, Generic[T]):
    items: list[T] = []


class Foreign:
    pass


class Holder(Struct):
    foreign: list[Foreign]


BaseModel: Any = type("BaseModel", (), {"__module__": "pydantic.main"})


class Model(BaseModel):  # type: ignore[misc] # Pydantic need not be installed
    pass


class Modelled(Struct):
    model: Model


class Award(TypedDict):
    year: int


@dataclass
class Actor:
    name: str


class Subscription(collections.abc.AsyncIterator[int]):
    async def __anext__(self) -> int:
        raise StopAsyncIteration


NAMES: dict[str, Any] = {
    **{name: getattr(jero, name) for name in jero.__all__},
    **{
        kind.__name__: kind
        for kind in (Movie, Book, Dog, Cat, Slots, Page, Typed, Positional, Listing, Foreign, Holder, Award, Actor)
    },
    **{kind.__name__: kind for kind in (AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator)},
    **{kind.__name__: kind for kind in (AbstractAsyncContextManager, Meta, Model, Modelled)},
    "Annotated": Annotated,
    "typing": typing,
    "Subscription": Subscription,
    "Any": Any,
}


def declared(signature: str, path: str | None = "/movies/{movie_id}") -> Endpoint:
    """Returns a `MoviesEndpoint` with the handler `signature`, such as "async def get(self) -> Movie".

    If it ends with ": yield", the handler is a generator.
    """
    members: dict[str, Any] = {}
    exec(signature if ": yield" in signature else f"{signature}: ...", dict(NAMES), members)
    endpoint: Any = type("MoviesEndpoint", (Endpoint,), members, path=path)
    made: Endpoint = endpoint()
    return made


def read(
    signature: str, path: str | None = "/movies/{movie_id}", *, auth: Any = None, has_enc_hook: bool = False
) -> Operation:
    """Returns the only operation of an endpoint with the handler `signature`."""
    [operation] = read_operations(declared(signature, path), None, auth=auth, has_enc_hook=has_enc_hook)
    return operation
