"""Tests which hosts the demo and its stand-in answer for: a page of another site must not reach them."""

import httpx
import pytest

from demo_app.app import App
from demo_app.offline.service import offline_service
from demo_app.settings import Settings
from jero.testing import TestClient


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", ""])
@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/health", "/docs", "/no/such/path"])
def test_a_request_for_an_unknown_host_is_refused(host: str, path: str) -> None:
    with TestClient(App(Settings())) as client:
        assert client.get(path, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ((), "localhost:8000"),
        ((), "127.0.0.1"),
        ((), "[::1]:8000"),
        (("demo.example",), "demo.example"),
        (("*.example",), "demo.example:80"),
        (("*",), "any.example"),
    ],
)
def test_a_request_for_an_allowed_host_is_answered(allowed: tuple[str, ...], host: str) -> None:
    settings = Settings.from_environment({"JERO_DEMO_HOSTS": ", ".join(allowed)})
    with TestClient(App(settings)) as client:
        assert client.get("/health", headers={"Host": host}).status_code == 200


async def test_the_stand_in_refuses_unknown_hosts() -> None:
    async with offline_service() as service, httpx.AsyncClient(trust_env=False) as client:
        known = await client.get(f"{service.base_url}/models")
        unknown = await client.get(f"{service.base_url}/models", headers={"Host": "evil.example"})

    assert (known.status_code, unknown.status_code) == (200, 400)
