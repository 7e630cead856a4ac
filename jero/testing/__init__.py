"""Test clients on httpx: they call an application in process, and its responses stream as over a network.

Needs the extra `jero-asgi[testing]`, which installs httpx.
"""

from jero.testing.async_client import AsyncTestClient
from jero.testing.event_stream import SyncEventStream
from jero.testing.sync_client import TestClient

__all__ = ["AsyncTestClient", "SyncEventStream", "TestClient"]
