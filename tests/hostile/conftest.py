"""Fixtures of the channels: both stores, and a Redis server."""

from tests.channels.conftest import cluster_servers, make_store, redis_server, store

__all__ = ["cluster_servers", "make_store", "redis_server", "store"]
