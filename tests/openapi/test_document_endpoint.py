"""The document, as it is served."""

from collections.abc import Iterator

import pytest

from jero import BaseApp
from jero.openapi.document import openapi_endpoint
from jero.testing import TestClient

DOCUMENT = b'{"openapi":"3.2.0"}'


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(openapi_endpoint(DOCUMENT), path="/openapi.json")


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(App()) as client:
        yield client


def test_it_is_json_that_is_asked_for_each_time(client: TestClient) -> None:
    response = client.get("/openapi.json")
    assert response.content == DOCUMENT
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["etag"].strip('"').isalnum()


@pytest.mark.parametrize("sent", ["{}", "W/{}", '"other", {}', "*"])
def test_a_client_that_has_it_is_told_so(client: TestClient, sent: str) -> None:
    etag = client.get("/openapi.json").headers["etag"]
    response = client.get("/openapi.json", headers={"If-None-Match": sent.format(etag)})
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)


@pytest.mark.parametrize("sent", ['"other"', "", "nonsense"])
def test_a_client_that_has_another_is_given_it(client: TestClient, sent: str) -> None:
    assert client.get("/openapi.json", headers={"If-None-Match": sent}).content == DOCUMENT
