"""Makes connections to Redis like those of a client, and says when an attempt on one has failed."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import EqualJitterBackoff, NoBackoff
from redis.exceptions import RedisError

# How long a command may take before it is repeated on another connection.
ATTEMPT_SECONDS: Final = 2.0

# A wait between attempts doubles from 0.05 s to 2 s. Half of it is random, so that processes do not return all at once.
_BACKOFF: Final = EqualJitterBackoff(cap=2.0, base=0.05)
# The wait is at its longest by then. More doublings would overflow after a long outage.
_MOST_DOUBLINGS: Final = 10

FAILURES: Final = (RedisError, OSError, TimeoutError)


async def back_off(failures: int) -> None:
    """Waits before the next attempt, longer after each failure."""
    await asyncio.sleep(_BACKOFF.compute(min(failures, _MOST_DOUBLINGS)))


class ConnectionOptions(Struct, frozen=True):
    """Makes connections of a class with these arguments, as a client does."""

    connection_class: Any
    arguments: Mapping[str, Any]

    @property
    def database(self) -> int:
        """Returns the number of the database."""
        return int(self.arguments.get("db") or 0)

    @property
    def host(self) -> str:
        """Returns the host that is connected to, if the options name one."""
        return str(self.arguments.get("host") or "")

    def at(self, host: str, port: int) -> "ConnectionOptions":
        """Returns the same options for another address."""
        return ConnectionOptions(self.connection_class, {**self.arguments, "host": host, "port": port})

    def pool(self, connections: int) -> Any:  # type checkers do not know the types of its answers
        """Returns a pool of connections that neither retries nor decodes, and whose messages are plain answers (RESP2).

        How long an answer may take is decided here, for each command, and not by an option of the client.
        """
        arguments: dict[str, Any] = {
            **self.arguments,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "decode_responses": False,
            "encoding": "utf-8",
            "encoding_errors": "strict",
            "socket_timeout": None,
        }
        return ConnectionPool(self.connection_class, max_connections=connections, **arguments)

    def client(self, connections: int) -> Any:
        """Returns a client of that many connections."""
        return Redis(connection_pool=self.pool(connections))


def options_of_redis(client: Any) -> ConnectionOptions:
    """Returns how the client of one Redis connects, whatever its pool is: of Sentinel, with TLS or to a Unix socket."""
    pool = client.connection_pool
    return _options(pool.connection_class, pool.connection_kwargs)


def options_of_cluster(client: RedisCluster) -> ConnectionOptions:
    """Returns how the client of a cluster connects to each node."""
    arguments: dict[str, Any] = dict(client.get_connection_kwargs())
    connection_class = arguments.pop("connection_class")
    for option in ("max_connections", "response_callbacks", "redis_connect_func"):  # of the client, or of its reads
        arguments.pop(option, None)
    return _options(connection_class, arguments)


def _options(connection_class: Any, arguments: Mapping[str, Any]) -> ConnectionOptions:
    """Returns options without what binds a connection to the pool of the client."""
    own = {
        name: value
        for name, value in arguments.items()
        if "maint_notifications" not in name and not name.startswith("orig_")
    }
    return ConnectionOptions(connection_class, own)
