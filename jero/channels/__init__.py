"""Channels: broadcast, replay and resume, in one process or on Redis.

`RedisStore` needs the extra `jero-asgi[redis]`; all else, and an import of this package, needs it not.
"""

from importlib import import_module

_HOMES = {
    "Channel": "jero.channels.channel",
    "ChannelStatistics": "jero.channels.statistics",
    "ChannelUnavailable": "jero.channels.store",
    "Gap": "jero.channels.event",
    "MemoryStore": "jero.channels.memory",
    "RedisStore": "jero.channels.redis",
    "Store": "jero.channels.store",
    "Subscription": "jero.channels.subscription",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "redis":
            raise
        raise ImportError(f'jero.channels.{name} needs redis: pip install "jero-asgi[redis]"', name="redis") from error
