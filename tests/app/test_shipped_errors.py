"""The errors that ship with jero, raised in handlers and answered."""

from typing import ClassVar

import pytest

import jero
from jero import Endpoint, HTTPError
from jero.testing import TestClient
from tests.application import Application

SHIPPED = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "Conflict": 409,
    "Gone": 410,
    "ContentTooLarge": 413,
    "UnprocessableContent": 422,
    "TooManyRequests": 429,
    "ServiceUnavailable": 503,
}


class OutOfStock(HTTPError, type="out-of-stock", title="Out of stock", status=409):
    pass


class RaisingEndpoint(Endpoint, path="/"):
    errors: ClassVar = [OutOfStock]

    def __init__(self, error: type[HTTPError]) -> None:
        self._error = error

    async def get(self) -> str:
        raise self._error(detail="for a reason", headers={"X-Note": "n"})


@pytest.mark.parametrize(("name", "status"), SHIPPED.items())
def test_each_error_is_answered_with_its_status(name: str, status: int) -> None:
    with TestClient(Application(RaisingEndpoint(getattr(jero, name)))) as client:
        response = client.get("/")
    assert (response.status_code, response.json()["status"], response.json()["detail"]) == (
        status,
        status,
        "for a reason",
    )
    assert response.headers["x-note"] == "n"
    assert response.headers["content-type"] == "application/problem+json"


def test_class_keywords_name_a_users_own_error() -> None:
    with TestClient(Application(RaisingEndpoint(OutOfStock))) as client:
        response = client.get("/")
    assert response.status_code == 409
    assert response.json() == {
        "type": "out-of-stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "for a reason",
    }
