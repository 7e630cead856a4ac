"""Channels: broadcast, replay and resume, in one process or on Redis.

`RedisStore` needs the extra `jero-asgi[redis]`, so it is imported at its first use.
"""

from jero.channels.channel import EARLIEST, Channel, ChannelStatistics
from jero.channels.event import Gap
from jero.channels.kinds import Channels, ChannelsStatistics
from jero.channels.memory import MemoryStore
from jero.channels.merged import subscribe
from jero.channels.store import ChannelUnavailable, Store
from jero.channels.subscribers import Subscription

# Without "RedisStore", so that `import *` does not need the extra.
__all__ = [
    "EARLIEST",
    "Channel",
    "ChannelStatistics",
    "ChannelUnavailable",
    "Channels",
    "ChannelsStatistics",
    "Gap",
    "MemoryStore",
    "Store",
    "Subscription",
    "subscribe",
]


def __getattr__(name: str) -> object:
    if name != "RedisStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from jero.channels.redis import RedisStore
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "redis":
            raise
        raise ImportError(f'jero.channels.{name} needs redis: pip install "jero-asgi[redis]"', name="redis") from error
    return RedisStore
