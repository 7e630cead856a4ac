"""Channels of a kind: a channel for any name, at any time. What nobody uses costs nothing."""

from collections.abc import Iterator
from typing import Any, Generic, Never, TypedDict, TypeVar, Unpack, cast

from msgspec import Struct
from msgspec.json import Encoder
from typing_extensions import TypeForm

from jero.channels.channel import HISTORY, Channel, Values
from jero.channels.keys import fault_of_name, quoted_name
from jero.channels.kind import KindOptions
from jero.channels.ring import HISTORY_BYTES
from jero.channels.store import Store, check_store
from jero.codec import DEFAULT_ENCODER
from jero.errors import NotFound

T = TypeVar("T")

KEEP_SECONDS = 3_600.0
LINGER_SECONDS = 60.0


class Keeping(TypedDict, total=False):
    """How much of each channel is kept, and for how long: `Channels` explains it."""

    history: int
    history_bytes: int
    keep: float | None
    linger: float


class ChannelsStatistics(Struct, frozen=True, kw_only=True):
    """The channels of a kind as this process sees them at one moment. Counting begins when the store is opened.

    `open`: how many names are open.
    `subscribers`: how many are subscribed now, to all of them.
    `published`, `delivered`, `gaps`: as in `ChannelStatistics`, of all channels, those that are not open any more
    included.
    """

    open: int
    subscribers: int
    published: int
    delivered: int
    gaps: int


class Channels(Generic[T]):
    """Channels of events of type `T`, one for each name: a room each chat, a feed each user, a job.

    Make it once, in `_wire`, in an open store. `channels["7"]` is the channel of the name "7", at any time. Nothing is
    kept for a name that nobody subscribes to, publishes in or has events in.

    `store`, `type`, `publish_timeout`, `encoder`, `history`, `history_bytes`: for each channel, as `Channel` says.
    `kind`: the name of all of them, which tells them from other channels of the store.
    `keep`: for how many seconds the events of a channel are kept after the last of them, at least (3,600). `None`: for
    ever.
    `linger`: for how many seconds the process keeps a channel open after its last subscriber and publication (60).

    Raises `ValueError`, `WiringError` and `TypeError` as `Channel` does, and `ValueError` if `keep` or `linger` is not
    positive.
    """

    def __init__(
        self,
        store: Store,
        kind: str,
        type: TypeForm[T],
        *,
        publish_timeout: float = 5.0,
        encoder: Encoder = DEFAULT_ENCODER,
        **keeping: Unpack[Keeping],
    ) -> None:
        fault = fault_of_name(kind)
        if fault is not None:
            raise ValueError(
                f"Channels(kind={quoted_name(kind)}): {fault}. The store needs a name to tell kinds apart."
            )
        check_store(f"Channels({kind!r})", store)
        self._values: Values[T] = Values(f"Channels({kind!r})", type, publish_timeout, encoder)
        options = KindOptions(
            keeping.get("history", HISTORY),
            keeping.get("history_bytes", HISTORY_BYTES),
            keeping.get("keep", KEEP_SECONDS),
            keeping.get("linger", LINGER_SECONDS),
        )
        self.kind = kind
        self._class = Channel[T]
        self._kind = store.kind(kind, options)
        self._kind.accept(self._values.of)

    def __getitem__(self, name: str) -> Channel[T]:
        """Returns the channel of a name: any text of 1 to 512 bytes of UTF-8. Raises `NotFound` for another."""
        if not isinstance(cast("object", name), str):
            raise TypeError(f"Channels({self.kind!r})[{name!r}]: it is not text. Convert it with str().")
        fault = fault_of_name(name)
        if fault is not None:
            raise NotFound(f"The name of the channel is refused: {fault}.")
        return self._class.of_kind(name, self._kind, self._values)

    def __contains__(self, name: Any) -> Never:
        """Raises `TypeError`: there is a channel of every name."""
        raise TypeError(f"Channels({self.kind!r}) is not a mapping: there is a channel of every name.")

    def __iter__(self) -> Iterator[Never]:
        """Raises `TypeError`: there is a channel of every name."""
        raise TypeError(f"Channels({self.kind!r}) is not a mapping: its names cannot be listed.")

    def statistics(self) -> ChannelsStatistics:
        """Returns what this process has counted so far."""
        open_channels, total = self._kind.totals()
        return ChannelsStatistics(
            open=open_channels,
            subscribers=total.subscribers,
            published=total.published,
            delivered=total.delivered,
            gaps=total.gaps,
        )
