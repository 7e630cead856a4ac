"""A channel: whoever publishes, and whoever receives."""

from typing import Generic, TypeVar

from msgspec.json import Decoder, Encoder

from jero.channels.event import payload_of
from jero.channels.statistics import ChannelStatistics
from jero.channels.store import Store
from jero.channels.subscription import Subscription
from jero.codec import DEFAULT_ENCODER, json_decoder
from jero.errors import BadRequest

T = TypeVar("T")


class Channel(Generic[T]):
    """Events of type `T` under a name in a store, for any number of subscribers. Make it in `_wire`, in an open store.

    `history`: how many events are kept for those who are slow, or come back. `publish_timeout`: seconds that the store
    has to take an event. `encoder` writes the events' JSON, once for all formats and subscribers: an application's or a
    response's own has no part in it.

    Raises `ValueError` for an empty name, a `history` under 1, or a time that is not positive; `WiringError` for a
    store that is not open, or that has the name with another `history`.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        type: type[T],
        *,
        history: int = 1_000,
        publish_timeout: float = 5.0,
        encoder: Encoder = DEFAULT_ENCODER,
    ) -> None:
        if not name:
            raise ValueError("Channel(name=''): a channel has a name in its store.")
        if history < 1:
            raise ValueError(f"Channel(history={history!r}): at least 1 event is kept.")
        if not publish_timeout > 0:
            raise ValueError(f"Channel(publish_timeout={publish_timeout!r}): it is a positive number of seconds.")
        self.name = name
        self._log = store.log(name, history)
        self._publish_timeout = publish_timeout
        self._encoder = encoder
        self._decoder: Decoder[T] = json_decoder(type)

    async def publish(self, data: T, *, event: str | None = None) -> str:
        """Gives every subscriber an event, of the type `event`; returns its id when the store has it.

        `data` is encoded now, so that it may be changed afterwards: `str` as the text that it is, all else as JSON.

        Raises `ChannelUnavailable` where the store does not take it within `publish_timeout`; it may yet come to have
        it, once. `TypeError` for bytes and what has no JSON, `ValueError` for an event type with CR, LF or NUL and for
        "gap".
        """
        event_id = await self._log.append(payload_of(data, event, self._encoder), self._publish_timeout)
        self._log.counters.published += 1
        return event_id

    def subscribe(self, *, after: str | None = None) -> Subscription[T]:
        """The events that come after the one with the id `after`; where it is `None`, or empty, those from now on.

        Raises `BadRequest` for what is no id of this channel's store.
        """
        log = self._log
        position = None
        if after:
            try:
                position = log.position_of(after)
            except ValueError as error:
                raise BadRequest(f"The id to go on after is none of this channel's: {error}.") from None
        elif log.is_ready:
            position = log.newest()
        foreign = after if after and position is None else None
        return Subscription(log, self._decoder, after=foreign, position=position)

    def statistics(self) -> ChannelStatistics:
        """What has been counted so far, in this process."""
        log, counters = self._log, self._log.counters
        return ChannelStatistics(
            subscribers=counters.subscribers,
            kept=len(log.ring),
            last_id=log.last_id(),
            published=counters.published,
            delivered=counters.delivered,
            gaps=counters.gaps,
        )
