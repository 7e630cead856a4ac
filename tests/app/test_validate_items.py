"""`validate_items` of the application, the endpoint and the response."""

from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from typing import Any, ClassVar, cast

import httpx
import pytest
from msgspec import Struct
from msgspec.json import Encoder

from jero import Endpoint, NDJSONStreamingResponse
from jero.testing import TestClient
from tests.application import Application


class Tick(Struct):
    number: int


async def ticks() -> AsyncIterator[Any]:
    yield Tick(1)
    yield Tick(cast("int", "two"))  # msgspec does not check the types of arguments


class TicksEndpoint(Endpoint, path="/ticks"):
    async def get(self) -> NDJSONStreamingResponse[Tick]:
        return NDJSONStreamingResponse(stream=ticks())


class CheckedEndpoint(TicksEndpoint):
    validate_items: ClassVar[bool | None] = True


class UncheckedEndpoint(TicksEndpoint):
    validate_items: ClassVar[bool | None] = False


@pytest.mark.parametrize(
    ("options", "endpoint", "is_checked"),
    [
        ({}, TicksEndpoint(), False),
        ({"validate_items": False}, TicksEndpoint(), False),
        ({"validate_items": True}, TicksEndpoint(), True),
        ({"validate_items": True}, UncheckedEndpoint(), False),
        ({}, CheckedEndpoint(), True),
    ],
)
def test_an_item_of_the_wrong_type_is_not_sent_if_items_are_validated(
    options: dict[str, Any], endpoint: Endpoint, *, is_checked: object
) -> None:
    received = ""
    with TestClient(Application(endpoint, **options)) as client, client.stream("GET", "/ticks") as response:
        try:
            for text in response.iter_text():
                received += text
        except httpx.RemoteProtocolError:
            assert is_checked
    assert received == ('{"number":1}\n' if is_checked else '{"number":1}\n{"number":"two"}\n')


class Choice(Struct):
    checked: bool = False
    numbers: bool = False


class Price(Struct):
    amount: Decimal


class ChoosingEndpoint(Endpoint, path="/chosen"):
    """Its responses set `validate_items` and `encoder` as the client asks."""

    async def get(self, params: Choice) -> NDJSONStreamingResponse[Price]:
        encoder = Encoder(decimal_format="number") if params.numbers else None
        return NDJSONStreamingResponse(stream=prices(), validate_items=params.checked, encoder=encoder)


async def prices() -> AsyncIterator[Any]:
    for _ in range(3):
        yield Price(Decimal("1.5"))
    yield Price(cast("Decimal", "two"))


@pytest.mark.parametrize("first", ["", "?checked=true", "?numbers=true"])
def test_each_response_is_sent_with_its_own_settings(first: str) -> None:
    with TestClient(Application(ChoosingEndpoint())) as client:
        for query in (first, "", "?checked=true", "?numbers=true"):
            lines: list[str] = []
            with client.stream("GET", f"/chosen{query}") as response, suppress(httpx.RemoteProtocolError):
                for line in response.iter_lines():
                    lines.append(line)  # noqa: PERF402 - those that came before a cut count
            is_checked, is_number = "checked" in query, "numbers" in query
            assert lines[:3] == ['{"amount":1.5}' if is_number else '{"amount":"1.5"}'] * 3
            assert lines[3:] == ([] if is_checked else ['{"amount":"two"}'])
