"""`validate_items` on the application, and who overrides it."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar, cast

import httpx
import pytest
from msgspec import Struct

from jero import Endpoint, NDJSONStreamingResponse
from jero.testing import TestClient
from tests.application import Application


class Tick(Struct):
    number: int


async def ticks() -> AsyncIterator[Any]:
    yield Tick(1)
    yield Tick(cast("int", "two"))  # which msgspec does not look at


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
def test_an_item_that_does_not_fit_is_not_sent(
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
