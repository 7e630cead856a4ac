"""Fails like a network between a store and each node of its Redis cluster."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from redis.asyncio.cluster import RedisCluster

from tests.channels.proxy import Proxy
from tests.channels.redis_cluster import ClusterServers
from tests.channels.redis_server import RedisServer


@asynccontextmanager
async def proxies_of(cluster: ClusterServers) -> AsyncGenerator[Mapping[RedisServer, Proxy], None]:
    """Opens a proxy to each node."""
    async with AsyncExitStack() as stack:
        yield {server: await stack.enter_async_context(Proxy(server.port)) for server in cluster.servers}


def client_through(proxies: Mapping[RedisServer, Proxy]) -> RedisCluster:
    """Returns a client that reaches each node through its proxy."""
    ports = {server.port: proxy.port for server, proxy in proxies.items()}

    def remap(address: tuple[str, int]) -> tuple[str, int]:
        return address[0], ports.get(address[1], address[1])

    return RedisCluster(host="127.0.0.1", port=next(iter(ports.values())), address_remap=remap)
