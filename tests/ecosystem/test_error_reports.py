"""Sentry's middleware: a transaction for each request, and an event for each logged failure."""

from collections.abc import AsyncIterator, Generator
from typing import Any

import httpx
import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

from jero import BaseApp, Endpoint, NDJSONStreamingResponse
from jero.testing import TestClient


class Kept(Transport):
    """A transport that keeps the items instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.items += [payload for item in envelope.items if (payload := item.payload.json) is not None]

    @property
    def failures(self) -> list[str]:
        """Returns the types of the exceptions that were reported."""
        return [item["exception"]["values"][-1]["type"] for item in self.items if "exception" in item]

    @property
    def transactions(self) -> list[str]:
        return [item["transaction"] for item in self.items if item.get("type") == "transaction"]


class LinesEndpoint(Endpoint, path="/lines"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._numbers())

    async def post(self) -> str:
        raise LookupError("secret")

    async def put(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._failing())

    async def _numbers(self) -> AsyncIterator[int]:
        yield 1
        yield 2

    async def _failing(self) -> AsyncIterator[int]:
        yield 1
        raise LookupError("secret")


class Reported(BaseApp):
    async def _wire(self) -> None:
        self._include_middleware(SentryAsgiMiddleware)
        self._include_endpoint(LinesEndpoint())


@pytest.fixture
def kept() -> Generator[Kept, None, None]:
    kept = Kept()
    sentry_sdk.init(
        transport=kept, traces_sample_rate=1.0, default_integrations=False, integrations=[LoggingIntegration()]
    )
    yield kept
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def test_a_stream_is_a_transaction_and_not_a_failure(kept: Kept) -> None:
    with TestClient(Reported()) as client:
        assert client.get("/lines").text == "1\n2\n"
    assert len(kept.transactions) == 1
    assert kept.failures == []


def test_an_unexpected_exception_is_reported_and_answered(kept: Kept) -> None:
    with TestClient(Reported()) as client:
        answer = client.post("/lines")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert kept.failures == ["LookupError"]


def test_a_failure_in_mid_stream_is_reported_and_cut(kept: Kept) -> None:
    with TestClient(Reported()) as client, pytest.raises(httpx.RemoteProtocolError):
        client.put("/lines")
    assert kept.failures == ["LookupError"]
