from jero.channels.channel import EARLIEST, Channel, ChannelStatistics
from jero.channels.event import Gap
from jero.channels.kinds import Channels, ChannelsStatistics
from jero.channels.memory import MemoryStore
from jero.channels.merged import subscribe
from jero.channels.redis import RedisStore
from jero.channels.store import ChannelUnavailable, Store
from jero.channels.subscribers import Subscription

__all__ = [
    "EARLIEST",
    "Channel",
    "ChannelStatistics",
    "ChannelUnavailable",
    "Channels",
    "ChannelsStatistics",
    "Gap",
    "MemoryStore",
    "RedisStore",
    "Store",
    "Subscription",
    "subscribe",
]
