"""Clients for tests, on httpx: the application is called in process, and its streams really stream.

Needs the extra `jero-asgi[testing]`.
"""

from jero.testing.async_client import AsyncTestClient
from jero.testing.sync_client import TestClient

__all__ = ["AsyncTestClient", "TestClient"]
