"""Fixtures of the channels: both stores, and a Redis server."""

from tests.channels.conftest import make_store, redis_server, store

__all__ = ["make_store", "redis_server", "store"]
