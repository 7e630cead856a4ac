"""The application serves its document as JSON. tests/browser covers the page."""

from jero import BaseApp
from jero.openapi.serve import document_endpoint
from jero.testing import TestClient

DOCUMENT = b'{"openapi":"3.2.0"}'


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(document_endpoint(DOCUMENT), path="/openapi.json")


def test_the_document_is_json_that_clients_revalidate() -> None:
    with TestClient(App()) as client:
        response = client.get("/openapi.json")
    assert response.content == DOCUMENT
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-cache"
