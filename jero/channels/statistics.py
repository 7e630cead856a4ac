"""What a channel counts."""

from msgspec import Struct


class Counters:
    """What is counted as it happens, for the `ChannelStatistics` of a channel."""

    __slots__ = ("delivered", "gaps", "published", "subscribers")

    def __init__(self) -> None:
        self.subscribers = 0
        self.published = 0
        self.delivered = 0
        self.gaps = 0


class ChannelStatistics(Struct, frozen=True, kw_only=True):
    """A channel as this process sees it at one moment. What is counted is counted from the opening of its store on;
    channels of one name in a store are one.

    `subscribers`: how many receive now. `kept`: events in memory. `last_id`: the id of the newest, `None` where there
    never was one. `published`: events that the store took from here. `delivered`: events given to subscribers, each
    counted once a subscriber. `gaps`: how many times a subscriber was told that it missed some.
    """

    subscribers: int
    kept: int
    last_id: str | None
    published: int
    delivered: int
    gaps: int
