from jero.channels.channel import Channel, ChannelStatistics
from jero.channels.event import Gap
from jero.channels.memory import MemoryStore
from jero.channels.redis import RedisStore
from jero.channels.store import ChannelUnavailable, Store
from jero.channels.subscribers import Subscription

__all__ = [
    "Channel",
    "ChannelStatistics",
    "ChannelUnavailable",
    "Gap",
    "MemoryStore",
    "RedisStore",
    "Store",
    "Subscription",
]
