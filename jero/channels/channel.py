"""Publishes events of one type under a name, subscribes to them, and counts both."""

from enum import Enum
from types import UnionType
from typing import Any, Generic, TypeVar, Unpack, cast, overload

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from jero.annotations import event_form, expanded, name_of, wiring_error
from jero.channels.event import encode_payload
from jero.channels.store import History, Store
from jero.channels.subscribers import Subscription
from jero.codec import DEFAULT_ENCODER, json_decoder
from jero.errors import BadRequest

T = TypeVar("T")


class ChannelStatistics(Struct, frozen=True, kw_only=True):
    """A channel as this process sees it at one moment. Counting begins when the store is opened.

    Channels of the same name in one store share their counters.

    `subscribers`: how many are subscribed now. `kept`: how many events are in memory. `last_id`: the id of the newest
    event, or `None` if this process has not seen an event. `published`: how many events this process has published.
    `delivered`: how many events were sent to subscribers; an event that goes to ten subscribers counts ten times.
    `gaps`: how many gaps were sent to subscribers.
    """

    subscribers: int
    kept: int
    last_id: str | None
    published: int
    delivered: int
    gaps: int


class Channel(Generic[T]):
    """Sends events of type `T` to any number of subscribers. Make it in `_wire`, in an open store.

    `history`: how many events are kept for subscribers that are slow or reconnect. `history_bytes`: how many bytes of
    them each process keeps in memory, at most; the newest event is kept even if it alone has more. `publish_timeout`:
    how many seconds the store has to store an event. `encoder`: the JSON encoder for the events. An event is encoded
    once for all formats and subscribers, so encoders of the application and of responses are not used.

    Raises `ValueError` if `name` is empty, `history` or `history_bytes` is less than 1, or `publish_timeout` is not
    positive. Raises `WiringError` if the store is not open, if it has a channel of that name with another `history`
    or `history_bytes`, or if `type` is a union of text with another type, such as `str | None`. Raises `TypeError` if
    msgspec cannot represent `type`.
    """

    @overload
    def __init__(
        self,
        store: Store,
        name: str,
        type: type[T],
        *,
        history: int = ...,
        history_bytes: int = ...,
        publish_timeout: float = ...,
        encoder: Encoder = ...,
    ) -> None: ...

    # A type checker takes `T` from the annotation: `goals: Channel[Goal | Whistle] = Channel(store, "goals", ...)`.
    @overload
    def __init__(
        self,
        store: Store,
        name: str,
        type: UnionType,
        *,
        history: int = ...,
        history_bytes: int = ...,
        publish_timeout: float = ...,
        encoder: Encoder = ...,
    ) -> None: ...

    def __init__(
        self,
        store: Store,
        name: str,
        type: type[T] | UnionType,
        *,
        publish_timeout: float = 5.0,
        encoder: Encoder = DEFAULT_ENCODER,
        **history: Unpack[History],
    ) -> None:
        if not name:
            raise ValueError("Channel(name=''): the name is empty. The store needs one to tell channels apart.")
        if not publish_timeout > 0:
            raise ValueError(f"Channel(publish_timeout={publish_timeout!r}): it must be a positive number of seconds.")
        type = expanded(type)
        self._form = event_form(type)
        if self._form == "mixed":
            found = (
                f"the events are {name_of(type)}, of which an event stream sends some as text and some as JSON, "
                "so that a client cannot tell them apart"
            )
            raise wiring_error(f"Channel({name!r})", found, "Use a Struct with a field for each")
        self.name = name
        self._log = store.log(name, **history)
        self._publish_timeout = publish_timeout
        self._encoder = encoder
        self._decoder: Decoder[T] = json_decoder(type)
        self._log.accept(type)

    async def publish(self, data: T, *, event: str | None = None) -> str:
        """Sends an event to every subscriber. Returns the event's id when the store has stored it.

        `data` is encoded before the first `await`, so you may change it afterwards: `str` as text, other types as
        JSON. `event` is the event's type.

        Raises `ChannelUnavailable` if the store does not confirm the event within `publish_timeout`. The store may
        still store it later, once. Raises `TypeError` for bytes and for types without a JSON form. Raises `ValueError`
        if `event` contains CR, LF or NUL, or is "gap".
        """
        if self._form == "text" and isinstance(data, Enum):
            data = cast("T", str.__str__(cast("Any", data)))
        payload = encode_payload(data, event, self._encoder)
        event_id = await self._log.append(payload, self._publish_timeout)
        self._log.counters.published += 1
        return event_id

    def subscribe(self, *, after: str | None = None) -> Subscription[T]:
        """Returns the events after the one with the id `after`; if it is `None` or empty, the events from now on.

        Raises `BadRequest` if `after` cannot be an event id of this channel.
        """
        log = self._log
        if not after:
            return Subscription(
                log, self._decoder, unknown_id=None, offset=log.newest_offset() if log.is_ready else None
            )
        try:
            offset = log.offset_of(after)
        except ValueError as error:
            raise BadRequest(f"Last-Event-ID is not an event id of this channel: {error}.") from None
        return Subscription(log, self._decoder, unknown_id=after if offset is None else None, offset=offset)

    def statistics(self) -> ChannelStatistics:
        """Returns what this process has counted so far."""
        log, counters = self._log, self._log.counters
        return ChannelStatistics(
            subscribers=counters.subscribers,
            kept=len(log.ring),
            last_id=log.last_id(),
            published=counters.published,
            delivered=counters.delivered,
            gaps=counters.gaps,
        )
